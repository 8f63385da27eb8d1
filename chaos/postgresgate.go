package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// postgresGate hands connections on to Postgres. It reads as much of the protocol as it
// takes to tell which tables a transaction writes to, when it has arrived, and when it is
// committed: a step is the table's name.
type postgresGate struct {
	steps    *steps
	target   string
	listener net.Listener
}

func openPostgres(target string, on *steps) (*postgresGate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &postgresGate{steps: on, target: target, listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.handOn(c)
		}
	}()
	return g, nil
}

func (g *postgresGate) address() string { return g.listener.Addr().String() }
func (g *postgresGate) close()          { _ = g.listener.Close() }

func (g *postgresGate) handOn(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer server.Close()
	s := &session{steps: g.steps, client: client, server: server, prepared: map[string][]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.answers()
		_ = client.Close() // whatever is left to be asked has nobody to ask
	}()
	s.asks()
	_ = server.Close()
	<-done
}

// session is one connection.
type session struct {
	steps          *steps
	client, server net.Conn
	prepared       map[string][]string // statement → tables that it writes to

	mu      sync.Mutex
	pending [][]string // tables of the batches that are not answered yet, in order
}

// asks hands on what the client says.
func (s *session) asks() {
	in := bufio.NewReaderSize(s.client, 64<<10)
	if err := s.greet(in); err != nil {
		return
	}
	var batch []byte
	var tables []string
	for {
		kind, message, err := readMessage(in)
		if err != nil {
			return
		}
		batch = append(batch, message...)
		body := message[5:]
		switch kind {
		case 'P':
			name, rest, _ := bytes.Cut(body, []byte{0})
			query, _, _ := bytes.Cut(rest, []byte{0})
			s.prepared[string(name)] = written(string(query))
			continue
		case 'B':
			_, rest, _ := bytes.Cut(body, []byte{0})
			name, _, _ := bytes.Cut(rest, []byte{0})
			tables = append(tables, s.prepared[string(name)]...)
			continue
		case 'Q':
			tables = append(tables, written(string(body))...)
		case 'S', 'c', 'd', 'f', 'p', 'H', 'X', 'F':
		default:
			continue
		}
		if kind == 'S' || kind == 'Q' {
			tables = unique(tables)
			for _, t := range tables {
				if s.steps.reach("postgres "+t, false) {
					return
				}
			}
			s.mu.Lock()
			s.pending = append(s.pending, tables)
			s.mu.Unlock()
			tables = nil
		}
		if _, err := s.server.Write(batch); err != nil {
			return
		}
		batch = batch[:0]
	}
}

// greet hands on what a connection begins with, which has no type. One that cancels a
// query has no more than that.
func (s *session) greet(in *bufio.Reader) error {
	const cancel = 80877102
	head, err := in.Peek(8)
	if err != nil {
		return err
	}
	message := make([]byte, binary.BigEndian.Uint32(head))
	if len(message) < 8 || len(message) > 1<<16 {
		return errors.New("no Postgres client")
	}
	if _, err := io.ReadFull(in, message); err != nil {
		return err
	}
	if _, err := s.server.Write(message); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(message[4:]) == cancel {
		_, _ = io.Copy(io.Discard, s.server)
		return io.EOF
	}
	return nil
}

// answers hands on what the server says, what belongs to one batch together.
func (s *session) answers() {
	in := bufio.NewReaderSize(s.server, 64<<10)
	ready := false // the session has begun
	var held []byte
	var tables []string // of the transaction that is not over
	for {
		kind, message, err := readMessage(in)
		if err != nil {
			_, _ = s.client.Write(held)
			return
		}
		held = append(held, message...)
		if kind == 'Z' {
			if ready {
				tables = append(tables, s.answered()...)
			}
			ready = true
			if message[5] == 'I' { // no transaction is open
				for _, t := range unique(tables) {
					if s.steps.reach("postgres "+t, true) {
						return
					}
				}
				tables = nil
			}
		} else if ready && !strings.ContainsRune("GHW", rune(kind)) && len(held) < 1<<20 {
			continue
		}
		if _, err := s.client.Write(held); err != nil {
			return
		}
		held = held[:0]
	}
}

func (s *session) answered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return nil
	}
	tables := s.pending[0]
	s.pending = s.pending[1:]
	return tables
}

// readMessage reads one message with its type and length.
func readMessage(in *bufio.Reader) (kind byte, message []byte, err error) {
	head, err := in.Peek(5)
	if err != nil {
		return 0, nil, err
	}
	message = make([]byte, 1+int(binary.BigEndian.Uint32(head[1:])))
	if len(message) < 5 || len(message) > 256<<20 {
		return 0, nil, errors.New("no Postgres message")
	}
	_, err = io.ReadFull(in, message)
	return message[0], message, err
}

var writing = regexp.MustCompile(`\b(?:INSERT INTO|UPDATE)\s+([a-z_]+)\b`)

// written returns the tables that a statement writes to.
func written(query string) []string {
	var tables []string
	for _, m := range writing.FindAllStringSubmatch(query, -1) {
		tables = append(tables, m[1])
	}
	return unique(tables)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
