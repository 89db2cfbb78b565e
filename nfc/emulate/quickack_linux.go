package emulate

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickACK acknowledges the next segment at once. vpcd sends length and payload in two segments; with delayed
// acknowledgements each command would take 44 ms. The kernel forgets the option, so it is set before every read.
func quickACK(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// Without the option everything works, only slower.
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}
