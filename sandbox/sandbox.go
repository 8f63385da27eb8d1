// Package sandbox speaks the HTTP APIs of six data vendors, of the sources of news
// about companies and of a CRM over one table of companies, with faults that can be
// switched while it runs, a clock that can be put forward, and news to be found. Demo
// and tests point Sluice's real adapters at it: only the base URLs differ.
//
// It is written from the vendors' documentation (reference/providers.md), not from
// the adapters, so that a mistake in either shows.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
)

// Options are the settings of a sandbox. The zero Options will do.
type Options struct {
	Addr     string // where to listen, default 127.0.0.1:0: any free port
	Table    *Table // default [Default]
	Coverage Mode   // default: Realistic for the shipped table, Full for a loaded one
	Seed     uint64 // of the coverage and of random faults, default 1

	Latency time.Duration // of every service, until its faults are set

	CRM          hubspot.Options // the people at each domain are invented, unless it says who they are
	CRMCompanies bool            // the CRM begins with a company for each row of the table
	CRMTargets   bool            // and all of them are target accounts
}

// Sandbox is an [http.Handler] for all services, and what is behind them.
type Sandbox struct {
	*Coverage
	Faults *fault.Switch
	CRM    *hubspot.CRM
	Clock  *Clock // of the news and of what is told of them, not of faults or the CRM
	News   *News

	scene     *scene
	jobBoards *jobBoards
	handler   http.Handler
}

// New returns a sandbox that listens nowhere.
func New(o Options) (*Sandbox, error) {
	o = o.withDefaults()
	if _, err := ParseMode(string(o.Coverage)); err != nil {
		return nil, err
	}
	s := &Sandbox{Coverage: Cover(o.Table, o.Coverage, o.Seed), Faults: fault.New(o.Seed), CRM: hubspot.New(o.CRM), Clock: &Clock{}}
	s.stage()
	mux := http.NewServeMux()
	for _, a := range s.apis() {
		s.Faults.Speak(a.name, a.dialect)
		mux.Handle("/"+a.name+"/", s.Faults.Wrap(a.name, http.StripPrefix("/"+a.name, a.handler)))
	}
	s.mountCRM(mux)
	s.mountControls(mux)
	s.handler = mux
	for _, o := range owners {
		s.CRM.AddOwner(o.ID, o.Email, o.FirstName, o.LastName)
	}
	if o.CRMCompanies || o.CRMTargets {
		s.fillCRM(o.CRMTargets)
	}
	return s, s.delay(o.Latency)
}

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Table == nil {
		o.Table = Default()
	}
	if o.Coverage == "" {
		o.Coverage = Full
		if o.Table.invented {
			o.Coverage = Realistic
		}
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.CRM.People == nil {
		o.CRM.People = contactsAt
	}
	return o
}

// stage puts what can happen behind what the services tell.
func (s *Sandbox) stage() {
	boards := newBoards(s.table)
	s.News = newNews(s.table, boards)
	s.scene = &scene{Coverage: s.Coverage, news: s.News, clock: s.Clock}
	s.happened, s.movedTo = s.scene.happened, s.scene.movedTo
	s.jobBoards = &jobBoards{scene: s.scene, boards: boards}
}

func (s *Sandbox) apis() []api {
	return []api{
		newApollo(s.scene), newClearbit(s.Coverage), newHunter(s.Coverage),
		newPDL(s.Coverage), newBuiltWith(s.Coverage), newWebsite(s.Coverage, s.jobBoards),
		s.jobBoards.api(), newEDGAR(s.scene).api(), newCrunchbase(s.scene).api(), newGDELT(s.scene).api(),
	}
}

// Sources returns the services of the nightly sweep that are no vendors.
func Sources() []string { return []string{JobBoards, EDGAR, Crunchbase, GDELT} }

// mountControls serves what only a sandbox has.
func (s *Sandbox) mountControls(mux *http.ServeMux) {
	for path, h := range map[string]http.Handler{
		"/_faults": s.Faults.Handler(), "/_counters": s.Faults.Handler(), "/_clock": clockHandler(s.Clock), "/_news": newsHandler(s),
	} {
		mux.Handle(path, h)
		mux.Handle(path+"/", h)
	}
}

// mountCRM serves the CRM: its API as HubSpot's, its own controls, and its page.
func (s *Sandbox) mountCRM(mux *http.ServeMux) {
	mux.Handle("/hubspot/", http.StripPrefix("/hubspot", s.CRM.Behind(s.Faults)))
	mux.Handle("/_crm/", s.CRM.Admin())
	mux.Handle("/", s.CRM.Page())
}

// owners are who works in the CRM.
var owners = []hubspot.Owner{
	{ID: "201", Email: "mara.quist@acme.example", FirstName: "Mara", LastName: "Quist"},
	{ID: "202", Email: "idris.holm@acme.example", FirstName: "Idris", LastName: "Holm"},
	{ID: "203", Email: "lena.abara@acme.example", FirstName: "Lena", LastName: "Abara"},
	{ID: "204", Email: "tomas.vey@acme.example", FirstName: "Tomas", LastName: "Vey"},
}

// fillCRM adds the companies of the table as if people had typed them in.
func (s *Sandbox) fillCRM(targets bool) {
	var properties map[string]string
	if targets {
		properties = map[string]string{"hs_is_target_account": "true"}
	}
	for _, c := range s.table.companies {
		s.CRM.AddCompany(c.Name, c.Domain, properties)
	}
}

func (s *Sandbox) delay(latency time.Duration) error {
	if latency == 0 {
		return nil
	}
	for _, name := range s.Faults.Services() {
		if err := s.Faults.Set(name, fault.Fault{LatencyMS: int(latency.Milliseconds())}); err != nil {
			return err
		}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Server is a sandbox that listens.
type Server struct {
	*Sandbox
	URL string // http://127.0.0.1:9100

	http *http.Server
	done chan error
}

// Start makes a sandbox and lets it listen until [Server.Close].
func Start(o Options) (*Server, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.withDefaults().Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &Server{
		Sandbox: s, URL: "http://" + reachable(listener.Addr()),
		http: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second},
		done: make(chan error, 1),
	}
	go func() { server.done <- server.http.Serve(listener) }()
	return server, nil
}

// reachable is the address that a client on this machine uses.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}

// Close ends the calls that hang, lets the others finish for up to the time that ctx
// has, and stops listening.
func (s *Server) Close(ctx context.Context) error {
	s.Faults.Close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if serveErr := <-s.done; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// Key is what the environment of a sandbox has for every credential. Any other
// will do too, but bad-key and no-credits, which every vendor refuses.
const Key = "sandbox"

// Env returns the variables that point Sluice at the server, as KEY=value.
func (s *Server) Env() []string {
	var env []string
	for _, v := range Vendors() {
		name := "SLUICE_" + strings.ToUpper(string(v))
		env = append(env, name+"_BASE_URL="+s.URL+"/"+string(v))
		if v != Website {
			env = append(env, name+"_API_KEY="+Key)
		}
	}
	for _, source := range Sources() {
		env = append(env, "SLUICE_"+strings.ToUpper(source)+"_BASE_URL="+s.URL+"/"+source)
	}
	return append(env,
		"SLUICE_CRUNCHBASE_API_KEY="+Key,
		"SLUICE_EDGAR_CONTACT=ops@acme.example",
		"SLUICE_CRM=hubspot",
		"SLUICE_HUBSPOT_BASE_URL="+s.URL+"/hubspot",
		"SLUICE_HUBSPOT_TOKEN="+Key,
		"SLUICE_HUBSPOT_CLIENT_SECRET="+Key,
	)
}
