package main

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/sandbox"
)

// sandboxGate serves a sandbox, and tells the steps of each request that passes.
type sandboxGate struct {
	sandbox *sandbox.Sandbox
	steps   *steps
	server  *http.Server
	address string
}

func openSandbox(s *sandbox.Sandbox, on *steps) (*sandboxGate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &sandboxGate{sandbox: s, steps: on, address: l.Addr().String()}
	g.server = &http.Server{Handler: g}
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

func (g *sandboxGate) close() {
	g.sandbox.Faults.Close()
	_ = g.server.Shutdown(context.Background())
}

// ServeHTTP implements http.Handler. An answer is held where a fault waits for it.
func (g *sandboxGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := requestKind(r)
	if g.steps.reach(at, false) {
		panic(http.ErrAbortHandler)
	}
	if !g.steps.waits(at) {
		g.sandbox.ServeHTTP(w, r)
		return
	}
	held := httptest.NewRecorder()
	g.sandbox.ServeHTTP(held, r)
	if g.steps.reach(at, true) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), held.Header())
	w.WriteHeader(held.Code)
	_, _ = w.Write(held.Body.Bytes())
}

var hubspotPath = regexp.MustCompile(`^/hubspot/crm/(objects|associations)/[^/]+/([^/]+)(/.*)?$`)

// requestKind names what a request is for.
func requestKind(r *http.Request) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if first != "hubspot" {
		return first
	}
	m := hubspotPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return "hubspot settings"
	}
	what, rest := m[2], m[3]
	switch {
	case m[1] == "associations" || strings.Contains(rest, "/associations/"):
		return "hubspot associations"
	case strings.HasSuffix(rest, "/search"):
		return "hubspot search"
	case strings.HasSuffix(rest, "/batch/read"):
		return "hubspot " + what + " read"
	case strings.HasSuffix(rest, "/batch/update"):
		return "hubspot " + what + " written"
	case what == "companies" && r.Method == http.MethodPatch:
		return "hubspot properties written"
	case what == "companies" && r.Method == http.MethodGet:
		return "hubspot company read"
	case r.Method == http.MethodPost:
		return "hubspot " + strings.TrimSuffix(what, "s") + " created"
	case r.Method == http.MethodPatch:
		return "hubspot " + strings.TrimSuffix(what, "s") + " changed"
	default:
		return "hubspot " + what
	}
}

// service names who serves a step.
func service(at string) string {
	switch first, _, _ := strings.Cut(at, " "); first {
	case "hubspot", "temporal", "postgres":
		return first
	default:
		return "vendor"
	}
}
