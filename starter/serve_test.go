package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is a listener within the process, for where time is not the machine's.
type wire chan net.Conn

func (w wire) Accept() (net.Conn, error) {
	conn, ok := <-w
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (w wire) Close() error   { close(w); return nil }
func (w wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w wire) dial() net.Conn {
	here, there := net.Pipe()
	w <- there
	return here
}

// TestSlowCallersAreLetGo: a connection that is held open on purpose costs the starter one
// for seconds, not for ever.
func TestSlowCallersAreLetGo(t *testing.T) {
	t.Parallel()
	const request = "POST / HTTP/1.1\r\nHost: starter\r\n"
	tests := []struct {
		name   string
		sent   string
		within time.Duration
	}{
		{"nothing is sent", "", 5 * time.Second},
		{"the header does not end", request + "X-A: ", 5 * time.Second},
		{"the body does not come", request + "Content-Length: 10\r\n\r\nab", 15 * time.Second},
		{"nothing more is asked for", request + "Content-Length: 2\r\n\r\nab", 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l, done := make(wire), make(chan error, 1)
				go func() {
					done <- serveUntil(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						_, _ = fmt.Fprint(w, "read")
					}))
				}()
				conn, began := l.dial(), time.Now()
				_, err := fmt.Fprint(conn, tt.sent)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, bufio.NewReader(conn))
				require.NoError(t, err)
				require.Equal(t, tt.within, time.Since(began).Round(time.Second))
				cancel()
				require.NoError(t, <-done)
			})
		})
	}
}
