package source

import (
	"time"

	"golang.org/x/sys/unix"
)

// confine bounds a program that renders documents of strangers: its memory, its
// time on the processor, the files it may write.
func confine(pid int, cpu time.Duration) error {
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_AS: pdfMemory, unix.RLIMIT_CPU: uint64(cpu.Seconds()) + 2, unix.RLIMIT_FSIZE: pdfDisk, unix.RLIMIT_CORE: 0,
	} {
		if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
			return err
		}
	}
	return nil
}
