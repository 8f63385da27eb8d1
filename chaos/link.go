package main

import (
	"net"
	"sync"
	"time"
)

// link is a stretch of network between our programs and a service. It can be cut, stalled
// and slowed. What a client has sent and the link has not yet carried is lost when the
// client hangs up: nobody's request arrives after its repetition.
type link struct {
	name     string
	target   string
	listener net.Listener

	mu    sync.Mutex
	cut   bool
	stall chan struct{} // closed when nothing is stalled
	late  time.Duration
	conns map[*carried]bool
}

func openLink(name, target string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{name: name, target: target, listener: l, stall: make(chan struct{}), conns: map[*carried]bool{}}
	close(k.stall)
	go k.accept()
	return k, nil
}

func (k *link) address() string { return k.listener.Addr().String() }

func (k *link) close() {
	_ = k.listener.Close()
	k.setCut(true)
	k.heal()
}

// heal makes it a good link again.
func (k *link) heal() {
	k.setStalled(false)
	k.setLate(0)
	k.setCut(false)
}

// setCut resets all connections and refuses new ones, or no longer does.
func (k *link) setCut(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	if cut {
		for c := range k.conns {
			c.reset()
		}
	}
}

func (k *link) setStalled(stalled bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.stall:
		if stalled {
			k.stall = make(chan struct{})
		}
	default:
		if !stalled {
			close(k.stall)
		}
	}
}

func (k *link) setLate(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.late = d
}

func (k *link) state() (stall <-chan struct{}, late time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stall, k.late
}

func (k *link) accept() {
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return
		}
		go k.carry(client.(*net.TCPConn))
	}
}

func (k *link) carry(client *net.TCPConn) {
	c := &carried{client: client, over: make(chan struct{})}
	defer c.reset()
	k.mu.Lock()
	cut := k.cut
	if !cut {
		k.conns[c] = true
	}
	k.mu.Unlock()
	if cut {
		return
	}
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.conns, c)
	}()
	server, err := net.Dial("tcp", k.target)
	if err != nil {
		return
	}
	c.take(server.(*net.TCPConn))
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.pump(c, server, client, false)
	}()
	k.pump(c, client, server, true)
	c.reset()
	<-done
}

// pump carries one direction until its reader has ended.
func (k *link) pump(c *carried, from, to net.Conn, dropped bool) {
	chunks := make(chan []byte, 256)
	gone := make(chan struct{})
	go func() {
		defer close(chunks)
		defer close(gone)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case chunks <- b[:n]:
				case <-c.over:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	var ended <-chan struct{}
	if dropped {
		ended = gone
	}
	for b := range chunks {
		stall, late := k.state()
		if late > 0 {
			time.Sleep(late)
		}
		select {
		case <-stall:
		case <-ended:
			return
		case <-c.over:
			return
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
	if !dropped {
		c.reset() // the server has hung up, and all that it said is carried
	}
}

// carried is a connection over a link.
type carried struct {
	client *net.TCPConn
	over   chan struct{}

	mu     sync.Mutex
	server *net.TCPConn
	ended  bool
}

func (c *carried) take(server *net.TCPConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
	if c.ended {
		_ = server.Close()
	}
}

func (c *carried) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	close(c.over)
	_ = c.client.Close()
	if c.server != nil {
		_ = c.server.Close()
	}
}
