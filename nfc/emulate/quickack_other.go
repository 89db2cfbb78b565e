//go:build !linux

package emulate

import "net"

// quickACK does nothing where the system has no such option.
func quickACK(net.Conn) {}
