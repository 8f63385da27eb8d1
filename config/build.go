package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	temporalenv "go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/waterfall"
)

var errLogLevel = errors.New("SLUICE_LOG_LEVEL: want debug, info, warn or error")

// NewLogger returns the log of a process: JSON lines on standard error.
func NewLogger(level string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, errLogLevel
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(l)
	cfg.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	return cfg.Build()
}

// DialTemporal connects to the Temporal that TEMPORAL_* variables name. What it keeps is
// sealed if there is a codec. The returned namespace is the one in use. Each of further
// changes the options.
func DialTemporal(codec *seal.Codec, logger *zap.Logger, further ...func(*client.Options)) (client.Client, string, error) {
	opts, err := temporalenv.LoadClientOptions(temporalenv.LoadClientOptionsRequest{})
	if err != nil {
		return nil, "", fmt.Errorf("read TEMPORAL_* variables: %w", err)
	}
	opts.Logger = log.NewStructuredLogger(slog.New(zapslog.NewHandler(logger.Core())))
	// Payloads are ids and small results: compressing them costs a tenth of the
	// worker's CPU and as much of the server's, and saves next to nothing.
	opts.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	if codec != nil {
		seal.Client(&opts, *codec)
	}
	for _, change := range further {
		change(&opts)
	}
	c, err := client.Dial(opts)
	if err != nil {
		at := opts.HostPort
		if at == "" {
			at = client.DefaultHostPort
		}
		return nil, "", fmt.Errorf("no Temporal at %s: %s: %w", at, cureOfDialling(err), err)
	}
	namespace := opts.Namespace
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return c, namespace, nil
}

// cureOfDialling says what mends a connection to Temporal. What is wrong with a certificate
// comes through gRPC as text only.
func cureOfDialling(err error) string {
	for _, c := range []struct{ text, cure string }{
		{"signed by unknown authority", "let TEMPORAL_TLS_SERVER_CA_CERT_PATH name the certificate of the authority that signed the server's"},
		{"x509: certificate is", "let TEMPORAL_ADDRESS or TEMPORAL_TLS_SERVER_NAME have a name that the server's certificate is for"},
		{"x509: cannot validate", "let TEMPORAL_ADDRESS or TEMPORAL_TLS_SERVER_NAME have a name that the server's certificate is for"},
		{"remote error: tls:", "it refuses our certificate: set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH to one that it trusts"},
		{"first record does not look like a TLS handshake", "it speaks no TLS: set TEMPORAL_TLS=false, or mend TEMPORAL_ADDRESS"},
	} {
		if strings.Contains(err.Error(), c.text) {
			return c.cure
		}
	}
	return "start one with `make stack`, or set TEMPORAL_ADDRESS"
}

// BuildCRM returns the client of the CRM that is configured, or nil if none is.
func BuildCRM(ctx context.Context, c Config, p Pipeline, further ...outbound.Option) (crm.CRM, error) {
	if c.CRM == "" {
		return nil, nil
	}
	h := hubspot.Config{
		BaseURL: c.HubSpot.BaseURL, Token: c.HubSpot.Token.Reveal(), Version: c.HubSpot.Version,
		AppURL: c.HubSpot.AppURL, Portal: c.HubSpot.Portal, Rate: p.CRM.Rate, SearchRate: p.CRM.SearchRate,
	}
	if h.Portal == "" {
		portal, err := hubspot.Portal(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("ask HubSpot for its account id (or set SLUICE_HUBSPOT_PORTAL): %w", err)
		}
		h.Portal = portal
	}
	h.Options = further
	built, err := hubspot.New(h)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_HUBSPOT_*: %w", err)
	}
	return built, nil
}

// BuildProvider returns the provider of one step, or nil if its key is not set.
func BuildProvider(step Provider, further ...outbound.Option) (*activities.Source, error) {
	spec, ok := registry.Get(step.Name)
	if !ok {
		return nil, fmt.Errorf("no provider is called %q", step.Name)
	}
	cred, err := LoadCredential(spec.Env)
	if err != nil {
		return nil, err
	}
	if spec.NeedsKey && cred.Key == "" {
		return nil, nil
	}
	built, err := spec.New(providers.Config{
		BaseURL: cmp.Or(cred.BaseURL, spec.BaseURL), Key: cred.Key.Reveal(), Rules: cred.Rules, Options: append(step.options(spec), further...),
	})
	if err != nil {
		return nil, fmt.Errorf("SLUICE_%s_*: %w", spec.Env, err)
	}
	return &activities.Source{
		Provider: built, Spec: spec, Trust: cmp.Or(step.Trust, 1),
		Price: step.Price(spec), TTL: cmp.Or(step.TTL, spec.TTL),
	}, nil
}

// options are the client options that sluice.yaml sets.
func (p Provider) options(spec providers.Spec) []outbound.Option {
	opts := []outbound.Option{outbound.WithRate(p.PerSecond(spec))}
	if p.Timeout > 0 {
		opts = append(opts, outbound.WithTimeout(p.Timeout))
	}
	if p.CoolDown > 0 {
		opts = append(opts, outbound.WithCoolDown(p.CoolDown))
	}
	return append(opts, outbound.WithTrip(p.InFlight()), outbound.WithPatience(patience))
}

// patience is for how long a company waits for its turn at a provider that answers
// nobody: the waterfall has others to ask, and late fill comes back.
const patience = 2 * time.Second

// Price is what an answer costs, in credits.
func (p Provider) Price(spec providers.Spec) float64 { return cmp.Or(p.Credits, spec.HitCredits) }

// PerSecond is the provider's pace, for all workers together.
func (p Provider) PerSecond(spec providers.Spec) float64 { return cmp.Or(p.Rate, spec.Rate) }

// InFlight is how many calls a worker has in the air at most: no more than the
// breaker forgives.
func (p Provider) InFlight() int { return cmp.Or(p.Failures, 5) }

// JournalFor is how long it is kept what was written.
func (c CRM) JournalFor() time.Duration { return cmp.Or(c.Journal, 90*24*time.Hour) }

// BuildBudgets returns the budgets with those of single providers.
func (p Pipeline) BuildBudgets() waterfall.Budgets {
	b := waterfall.Budgets{Company: p.Budgets.Company, Import: p.Budgets.Import, Day: p.Budgets.Day, Provider: map[string]float64{}}
	for _, step := range p.Providers {
		if step.Daily > 0 {
			b.Provider[step.Name] = step.Daily
		}
	}
	return b
}
