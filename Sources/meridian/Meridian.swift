// The operator's executable: everything it does is in OperatorCommands.

import OperatorCommands

@main struct Meridian {
    static func main() { MeridianCommand.begin() }
}
