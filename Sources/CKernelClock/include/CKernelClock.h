// The kernel's word on the wall clock, which Glibc's Swift module does not show.
#pragma once

/// 1 where the kernel says that an outside source disciplines CLOCK_REALTIME (adjtimex(2)), otherwise 0.
int meridian_clock_is_synchronised(void);
