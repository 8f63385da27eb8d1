// Package config reads the environment and the pipeline file. Only the main
// packages use it.
package config

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Secret is a string that is never printed.
type Secret string

const redacted = "[redacted]"

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the secret itself, for whoever has to send it.
func (s Secret) Reveal() string { return string(s) }

// Config is what worker and starter read from SLUICE_* variables.
type Config struct {
	DatabaseURL Secret `envconfig:"DATABASE_URL"`
	Pipeline    string `envconfig:"CONFIG" default:"sluice.yaml"`
	ModelDir    string `envconfig:"MODEL_DIR"` // ICP models beside the shipped ones
	HTTPAddr    string `envconfig:"HTTP_ADDR" default:"127.0.0.1:8080"`
	APIToken    Secret `envconfig:"API_TOKEN"`  // bearer token of /v1
	PublicURL   string `envconfig:"PUBLIC_URL"` // the starter's address as the CRM calls it
	LogLevel    string `envconfig:"LOG_LEVEL" default:"info"`

	CRM     string `envconfig:"CRM"` // hubspot, or empty for none
	HubSpot HubSpot
}

// HubSpot is how to reach the CRM.
type HubSpot struct {
	Token        Secret `envconfig:"TOKEN"`
	ClientSecret Secret `envconfig:"CLIENT_SECRET"` // signs webhooks
	BaseURL      string `envconfig:"BASE_URL" default:"https://api.hubapi.com"`
	Version      string `envconfig:"VERSION" default:"2026-09"`
	Portal       string `envconfig:"PORTAL"` // the account's id, part of every record's key; asked for if empty
}

// Credential is a provider's key, and where the provider is if not at home.
type Credential struct {
	Key     Secret
	BaseURL string
}

// Load reads and checks the environment. Its error names every variable that is
// wrong and prints no value, since a value may be a secret.
func Load() (Config, error) {
	var c Config
	if err := envconfig.Process("sluice", &c); err != nil {
		return Config{}, redact(err)
	}
	var errs []error
	if c.DatabaseURL == "" {
		errs = append(errs, errors.New("SLUICE_DATABASE_URL: empty; `make stack` prints one"))
	}
	switch {
	case c.CRM == "":
	case c.CRM != "hubspot":
		errs = append(errs, errors.New("SLUICE_CRM: only hubspot is there by now"))
	default:
		errs = append(errs, c.HubSpot.check()...)
	}
	return c, errors.Join(errs...)
}

func (h HubSpot) check() []error {
	var errs []error
	if h.Token == "" {
		errs = append(errs, errors.New("SLUICE_HUBSPOT_TOKEN: empty; set the token of the HubSpot app or service key"))
	}
	return errs
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

// LoadCredential reads SLUICE_<env>_API_KEY and SLUICE_<env>_BASE_URL.
func LoadCredential(env string) (Credential, error) {
	var p struct {
		Key     Secret `envconfig:"API_KEY"`
		BaseURL string `envconfig:"BASE_URL"`
	}
	if err := envconfig.Process("sluice_"+strings.ToLower(env), &p); err != nil {
		return Credential{}, redact(err)
	}
	return Credential(p), nil
}

// redact keeps the name and drops the value, which envconfig quotes.
func redact(err error) error {
	if e, ok := errors.AsType[*envconfig.ParseError](err); ok {
		return fmt.Errorf("%s: not a %s", e.KeyName, e.TypeName)
	}
	return err
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
