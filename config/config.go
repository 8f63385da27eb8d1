// Package config reads the environment and the pipeline file. Only the main
// packages use it.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/kelseyhightower/envconfig"
	"go.uber.org/zap/zapcore"

	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/workflows"
)

// Secret is a string that is never printed.
type Secret string

const redacted = "[redacted]"

// String implements fmt.Stringer, for logs that ask for it.
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter: a Stringer alone would be printed by %d.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the secret itself, for whoever has to send it.
func (s Secret) Reveal() string { return string(s) }

// Config is what worker and starter read from SLUICE_* variables. A variable that is
// set to nothing counts as not set: compose files pass them on like that. Tags give
// the full names, since envconfig would take VERSION for SLUICE_HUBSPOT_VERSION. A secret
// may also be in a file, which NAME_FILE then names.
type Config struct {
	DatabaseURL  Secret `envconfig:"SLUICE_DATABASE_URL"`
	Pipeline     string `envconfig:"SLUICE_CONFIG"`        // default sluice.yaml
	ModelDir     string `envconfig:"SLUICE_MODEL_DIR"`     // ICP models beside the shipped ones
	HTTPAddr     string `envconfig:"SLUICE_HTTP_ADDR"`     // default 127.0.0.1:8080
	APIToken     Secret `envconfig:"SLUICE_API_TOKEN"`     // bearer token of /v1
	PublicURL    string `envconfig:"SLUICE_PUBLIC_URL"`    // the starter's address as the CRM calls it
	LogLevel     string `envconfig:"SLUICE_LOG_LEVEL"`     // default info
	MetricsAddr  string `envconfig:"SLUICE_METRICS_ADDR"`  // the worker's health and metrics; default none
	VisitsSecret Secret `envconfig:"SLUICE_VISITS_SECRET"` // signs POST /webhooks/visits

	PayloadKeys Secret `envconfig:"SLUICE_PAYLOAD_KEYS"`       // seal what Temporal keeps; empty: it is plain
	CodecSecret Secret `envconfig:"SLUICE_CODEC_SECRET"`       // who shows it may have payloads opened
	UIOrigin    string `envconfig:"SLUICE_TEMPORAL_UI_ORIGIN"` // from which browsers may ask for that

	// Temporal's names for which version of the software a worker is; its controller for
	// Kubernetes sets them.
	Deployment string `envconfig:"TEMPORAL_DEPLOYMENT_NAME"` // default sluice
	BuildID    string `envconfig:"TEMPORAL_WORKER_BUILD_ID"` // empty: the worker has no version

	CRM     string  `envconfig:"SLUICE_CRM"` // hubspot, or empty for none
	HubSpot HubSpot `ignored:"true"`         // read by itself: envconfig would name its variables after the field
}

// HubSpot is how to reach the CRM.
type HubSpot struct {
	Token        Secret `envconfig:"SLUICE_HUBSPOT_TOKEN"`
	ClientSecret Secret `envconfig:"SLUICE_HUBSPOT_CLIENT_SECRET"` // signs webhooks
	BaseURL      string `envconfig:"SLUICE_HUBSPOT_BASE_URL"`      // default https://api.hubapi.com
	AppURL       string `envconfig:"SLUICE_HUBSPOT_APP_URL"`       // where people see records, default https://app.hubspot.com
	Version      string `envconfig:"SLUICE_HUBSPOT_VERSION"`       // default 2026-09
	Portal       string `envconfig:"SLUICE_HUBSPOT_PORTAL"`        // the account's id, part of every record's key; asked for if empty
}

// Credential is a provider's key, and where the provider is if not at home.
type Credential struct {
	Key     Secret
	BaseURL string
	Rules   string // a file, for a provider that reads by rules
	Contact string // a mail address, for a service that wants to know who calls
}

// Load reads and checks the environment. Its error names every variable that is
// wrong and prints no value, since a value may be a secret.
func Load() (Config, error) {
	var c Config
	if err := errors.Join(process("", &c), process("", &c.HubSpot), secretFiles(&c), secretFiles(&c.HubSpot)); err != nil {
		return Config{}, err
	}
	c.fill()
	return c, c.check()
}

func (c *Config) fill() {
	c.Pipeline = cmp.Or(c.Pipeline, "sluice.yaml")
	c.HTTPAddr = cmp.Or(c.HTTPAddr, "127.0.0.1:8080")
	c.LogLevel = cmp.Or(c.LogLevel, "info")
	c.Deployment = cmp.Or(c.Deployment, "sluice")
	c.HubSpot.BaseURL = cmp.Or(c.HubSpot.BaseURL, "https://api.hubapi.com")
	c.HubSpot.Version = cmp.Or(c.HubSpot.Version, "2026-09")
}

func (c Config) check() error {
	errs := []error{
		checkDatabaseURL(c.DatabaseURL),
		checkSecret("SLUICE_API_TOKEN", c.APIToken),
		checkSecret("SLUICE_VISITS_SECRET", c.VisitsSecret),
		checkURL("SLUICE_PUBLIC_URL", c.PublicURL),
		c.checkSealing(),
		c.checkVersion(),
	}
	if _, port, err := net.SplitHostPort(c.HTTPAddr); err != nil || port == "" {
		errs = append(errs, errors.New("SLUICE_HTTP_ADDR: want host:port, such as 127.0.0.1:8080"))
	}
	if _, port, err := net.SplitHostPort(c.MetricsAddr); c.MetricsAddr != "" && (err != nil || port == "") {
		errs = append(errs, errors.New("SLUICE_METRICS_ADDR: want host:port, such as 127.0.0.1:9090"))
	}
	if _, err := zapcore.ParseLevel(c.LogLevel); err != nil {
		errs = append(errs, errLogLevel)
	}
	switch c.CRM {
	case "":
	case "hubspot":
		errs = append(errs, c.HubSpot.check())
	default:
		errs = append(errs, errors.New("SLUICE_CRM: only hubspot is there by now"))
	}
	return errors.Join(errs...)
}

// minSecret is the shortest secret, in characters, that may stand for opening payloads.
const minSecret = 16

func (c Config) checkSealing() error {
	errs := []error{checkSecret("SLUICE_CODEC_SECRET", c.CodecSecret), checkURL("SLUICE_TEMPORAL_UI_ORIGIN", c.UIOrigin)}
	if n := len(c.CodecSecret); n > 0 && n < minSecret {
		errs = append(errs, fmt.Errorf("SLUICE_CODEC_SECRET: too short; take at least %d characters", minSecret))
	}
	if u, err := url.Parse(c.UIOrigin); err == nil && strings.TrimRight(u.Path, "/")+u.RawQuery != "" {
		errs = append(errs, errors.New("SLUICE_TEMPORAL_UI_ORIGIN: want scheme, host and port only, such as https://temporal.example.com"))
	}
	if _, err := c.Codec(nil); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// What Temporal takes, without what would need quoting in its queries and on a command line.
var (
	deploymentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$`)
	buildID        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
)

func (c Config) checkVersion() error {
	var errs []error
	if !deploymentName.MatchString(c.Deployment) {
		errs = append(errs, errors.New("TEMPORAL_DEPLOYMENT_NAME: want letters, digits, - _ and / only, such as sluice"))
	}
	if c.BuildID != "" && !buildID.MatchString(c.BuildID) {
		errs = append(errs, errors.New("TEMPORAL_WORKER_BUILD_ID: want letters, digits, . _ + and - only, such as 0.7.0 or a commit"))
	}
	return errors.Join(errs...)
}

// Codec returns what seals what Temporal keeps, with the companies' own keys if it is told
// where these are; nil where nothing is sealed.
func (c Config) Codec(subjects seal.SubjectStore) (*seal.Codec, error) {
	if c.PayloadKeys == "" {
		return nil, nil
	}
	keys, err := seal.ParseKeys(c.PayloadKeys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("SLUICE_PAYLOAD_KEYS: %w", err)
	}
	var own *seal.Subjects
	if subjects != nil {
		own = seal.NewSubjects(subjects, workflows.AboutOneCompany)
	}
	codec := seal.NewCodec(keys, own)
	return &codec, nil
}

func (h HubSpot) check() error {
	errs := []error{
		checkSecret("SLUICE_HUBSPOT_TOKEN", h.Token),
		checkSecret("SLUICE_HUBSPOT_CLIENT_SECRET", h.ClientSecret),
		checkURL("SLUICE_HUBSPOT_BASE_URL", h.BaseURL), checkURL("SLUICE_HUBSPOT_APP_URL", h.AppURL),
	}
	if h.Token == "" {
		errs = append(errs, errors.New("SLUICE_HUBSPOT_TOKEN: empty; set the token of the HubSpot app or service key"))
	}
	if strings.ContainsFunc(h.Portal, func(r rune) bool { return r < '0' || r > '9' }) {
		errs = append(errs, errors.New("SLUICE_HUBSPOT_PORTAL: want the number of the HubSpot account, the one in its address"))
	}
	return errors.Join(errs...)
}

// CheckServing checks what only `starter serve` needs.
func (c Config) CheckServing() error {
	var errs []error
	if c.APIToken == "" && !loopback(c.HTTPAddr) {
		errs = append(errs, errors.New("SLUICE_API_TOKEN: set one, or let SLUICE_HTTP_ADDR be a loopback address"))
	}
	if c.CRM == "hubspot" && c.HubSpot.ClientSecret != "" && c.PublicURL == "" {
		errs = append(errs, errors.New("SLUICE_PUBLIC_URL: empty; webhook signatures are checked over it"))
	}
	return errors.Join(errs...)
}

// LoadCredential reads SLUICE_<env>_API_KEY, _BASE_URL and _RULES.
func LoadCredential(env string) (Credential, error) {
	var p struct { // no envconfig tags: a stray API_KEY would be sent to every provider
		APIKey  Secret `split_words:"true"`
		BaseURL string `split_words:"true"`
		Rules   string
		Contact string
	}
	prefix := "SLUICE_" + strings.ToUpper(env)
	if err := process(prefix, &p); err != nil {
		return Credential{}, err
	}
	if err := secretFile(prefix+"_API_KEY", &p.APIKey); err != nil {
		return Credential{}, err
	}
	err := errors.Join(checkSecret(prefix+"_API_KEY", p.APIKey), checkURL(prefix+"_BASE_URL", p.BaseURL))
	return Credential{Key: p.APIKey, BaseURL: p.BaseURL, Rules: p.Rules, Contact: p.Contact}, err
}

// process keeps the name of a variable that cannot be read and drops its value,
// which envconfig quotes.
func process(prefix string, into any) error {
	err := envconfig.Process(prefix, into)
	if e, ok := errors.AsType[*envconfig.ParseError](err); ok {
		return fmt.Errorf("%s: not a %s", e.KeyName, e.TypeName)
	}
	return err
}

// secretFiles reads the secrets of a struct that are in files.
func secretFiles(into any) error {
	var errs []error
	fields := reflect.ValueOf(into).Elem()
	for i := range fields.NumField() {
		if s, ok := reflect.TypeAssert[*Secret](fields.Field(i).Addr()); ok {
			errs = append(errs, secretFile(fields.Type().Field(i).Tag.Get("envconfig"), s))
		}
	}
	return errors.Join(errs...)
}

// secretFile reads a secret from the file that <name>_FILE names, as Docker and Kubernetes
// hand secrets over. Line breaks at the end are an editor's.
func secretFile(name string, s *Secret) error {
	file := os.Getenv(name + "_FILE")
	switch {
	case file == "":
		return nil
	case *s != "":
		return fmt.Errorf("%s: set, and so is %s_FILE; take one of them", name, name)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s_FILE: %w", name, err)
	}
	if *s = Secret(strings.TrimRight(string(data), "\r\n")); *s == "" {
		return fmt.Errorf("%s_FILE: %s is empty", name, file)
	}
	return nil
}

// checkSecret refuses what cannot stand in a header, usually a line break or a space
// that came along when it was pasted.
func checkSecret(name string, s Secret) error {
	if strings.ContainsFunc(s.Reveal(), func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }) {
		return errors.New(name + ": has spaces, line breaks or characters that no key has; paste it again")
	}
	return nil
}

func checkURL(name, s string) error {
	if s == "" {
		return nil
	}
	if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New(name + ": want an http or https URL, such as https://sluice.example.com")
	}
	return nil
}

func checkDatabaseURL(s Secret) error {
	if s == "" {
		return errors.New("SLUICE_DATABASE_URL: empty; `make stack` prints one")
	}
	if _, err := pgxpool.ParseConfig(s.Reveal()); err != nil { // err quotes what it cannot read
		return errors.New("SLUICE_DATABASE_URL: not a connection string such as postgres://user:password@host:5432/sluice; `make stack` prints one")
	}
	return nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
