package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// options is the part of `temporal server start-dev` that this program knows.
type options struct {
	ip            string
	port          int
	httpPort      int // 0: any free one
	uiPort        int
	metricsPort   int // 0: no metrics
	headless      bool
	dbFile        string // empty: in memory
	namespaces    []string
	uiCodec       string
	logLevel      string
	attributes    map[string]string
	dynamicConfig map[string]any
}

func parseOptions(args []string) (options, error) {
	o := options{namespaces: []string{"default"}, attributes: map[string]string{}, dynamicConfig: map[string]any{}}
	flags := flag.NewFlagSet("devserver [server start-dev]", flag.ContinueOnError)
	flags.StringVar(&o.ip, "ip", "127.0.0.1", "address to listen on")
	flags.IntVar(&o.port, "port", 7233, "gRPC port")
	flags.IntVar(&o.httpPort, "http-port", 0, "HTTP port of the API (default: a free one)")
	flags.IntVar(&o.uiPort, "ui-port", 0, "port of the UI (default: port + 1000)")
	flags.IntVar(&o.metricsPort, "metrics-port", 0, "port of /metrics (default: none)")
	flags.BoolVar(&o.headless, "headless", false, "no UI")
	flags.StringVar(&o.dbFile, "db-filename", "", "SQLite file (default: in memory)")
	flags.StringVar(&o.uiCodec, "ui-codec-endpoint", "", "codec server that the UI asks to decode payloads")
	flags.StringVar(&o.logLevel, "log-level", "error", "debug, info, warn, error or never")
	flags.String("log-format", "", "accepted and ignored: the log is JSON")
	flags.Func("namespace", "namespace to create besides default, `NAME`, repeatable", o.addNamespace)
	flags.Func("search-attribute", "search attribute to create, `NAME=TYPE`, repeatable", o.addAttribute)
	flags.Func("dynamic-config-value", "server setting, `KEY=JSON`, repeatable", o.addSetting)

	if len(args) >= 2 && args[0] == "server" && args[1] == "start-dev" {
		args = args[2:]
	}
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q: see -help", flags.Arg(0))
	}
	return o.complete()
}

// complete fills in what depends on something else and checks the ports.
func (o options) complete() (options, error) {
	if o.ip == "localhost" {
		o.ip = "127.0.0.1"
	}
	if o.logLevel == "never" {
		o.logLevel = "fatal"
	}
	if o.uiPort == 0 {
		o.uiPort = o.port + 1000
	}
	if err := o.checkPort(o.port, "--port"); err != nil {
		return options{}, err
	}
	if !o.headless {
		if err := o.checkPort(o.uiPort, "--ui-port"); err != nil {
			return options{}, err
		}
	}
	var err error
	if o.httpPort == 0 {
		o.httpPort, err = freePort(o.ip)
	}
	return o, err
}

// checkPort says plainly what the server would say within a page of other text.
func (o options) checkPort(port int, flagName string) error {
	l, err := net.Listen("tcp", o.hostPort(port))
	if err != nil {
		return fmt.Errorf("%w: stop the program that has the port, or choose another with %s", err, flagName)
	}
	return l.Close()
}

func (o *options) addNamespace(name string) error {
	if !slices.Contains(o.namespaces, name) {
		o.namespaces = append(o.namespaces, name)
	}
	return nil
}

func (o *options) addAttribute(text string) error {
	name, kind, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want NAME=TYPE, as in Tier=Keyword")
	}
	o.attributes[name] = kind
	return nil
}

func (o *options) addSetting(text string) error {
	key, text, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New(`want KEY=JSON, as in history.timerProcessorMaxTimeShift="10ms"`)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("%s: %w: strings need their quotes", key, err)
	}
	if f, ok := value.(float64); ok && f == float64(int(f)) {
		value = int(f) // settings that count are read as integers only
	}
	o.dynamicConfig[key] = value
	return nil
}

func (o options) hostPort(port int) string { return net.JoinHostPort(o.ip, strconv.Itoa(port)) }
func (o options) address() string          { return o.hostPort(o.port) }

func (o options) uiAddress() string {
	if o.headless {
		return "off"
	}
	return "http://" + o.hostPort(o.uiPort)
}

func freePort(ip string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return 0, fmt.Errorf("%w: is --ip an address of this machine?", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
