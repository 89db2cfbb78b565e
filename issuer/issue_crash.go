//go:build crash

package issuer

import (
	"os"
	"syscall"
)

// crashPoint kills the process at the step that POSVID_CRASH_AT names. It exists only in programs built
// with the tag "crash"; CrashSteps lists the steps.
func crashPoint(step string) {
	if crashAt == step {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal ends every thread; nothing runs beyond this line
	}
}

var crashAt = os.Getenv("POSVID_CRASH_AT")

// CrashSteps lists the named steps at which a program built with the tag "crash" can be killed.
var CrashSteps = []string{
	"issue-begin", "prepare-uncommitted", "prepare-committed", "recover-begin", "recover-end",
	"sign-begin", "sign-half", "sign-end", "record-uncommitted", "record-committed",
	"change-uncommitted", "change-committed", "publish-uncommitted", "publish-committed",
	"card-prepared", "card-signed",
}
