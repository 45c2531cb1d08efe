package host

import "os"

// Forwarded are the signals that "run" passes on to its command.
func Forwarded() []os.Signal { return []os.Signal{os.Interrupt} }
