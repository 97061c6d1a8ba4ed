#include "CKernelClock.h"

#include <string.h>
#include <sys/timex.h>

int meridian_clock_is_synchronised(void) {
    struct timex state;
    memset(&state, 0, sizeof state);
    int answer = adjtimex(&state);
    return answer != -1 && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
