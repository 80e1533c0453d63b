package controlplane

import (
	"fmt"
	"net"
)

// FreePorts returns ports of loopback that nobody listens on, for a program that
// has to be told its port before it starts.
func FreePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("cannot find a free port: %w", err)
		}
		// Only when all are known, so that they are different ones.
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
