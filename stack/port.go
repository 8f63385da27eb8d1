package main

import (
	"math/rand/v2"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// Ports below those that systems take for outgoing connections: a server that was killed
// finds its own free when it comes back.
const (
	firstPort = 15000
	lastPort  = 30000 // not itself
)

// choosePort returns the preferred port, or any free one if that is taken or 0.
// Another process may take it before it is used: callers try again.
func choosePort(preferred int) (int, error) {
	if preferred != 0 && portFree(preferred) {
		return preferred, nil
	}
	for range 100 {
		if port := firstPort + rand.IntN(lastPort-firstPort); portFree(port) {
			return port, nil
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// portFree reports whether nothing listens on the port. Programs that listen on all
// addresses count too.
func portFree(port int) bool {
	for _, host := range []string{loopback, ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
