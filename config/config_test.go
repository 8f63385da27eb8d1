package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sluicehq/sluice/config"
)

// canary stands in every wrong value: no error may repeat it.
const canary = "canary-7f3a"

const databaseURL = "postgres://sluice:" + canary + "@127.0.0.1:5432/sluice"

// environment sets exactly these SLUICE_* variables.
func environment(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, line := range os.Environ() {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "SLUICE_") {
			t.Setenv(name, "") // which t undoes
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

func TestLoad(t *testing.T) {
	environment(t, map[string]string{
		"SLUICE_DATABASE_URL": databaseURL, "SLUICE_CONFIG": "my.yaml", "SLUICE_MODEL_DIR": "models",
		"SLUICE_HTTP_ADDR": ":80", "SLUICE_API_TOKEN": "a", "SLUICE_PUBLIC_URL": "https://s.example.com", "SLUICE_LOG_LEVEL": "debug",
		"TEMPORAL_DEPLOYMENT_NAME": "sales/worker", "TEMPORAL_WORKER_BUILD_ID": "v0.7.0-5f2a",
		"SLUICE_CRM": "hubspot", "SLUICE_HUBSPOT_TOKEN": "b", "SLUICE_HUBSPOT_CLIENT_SECRET": "c",
		"SLUICE_HUBSPOT_BASE_URL": "http://127.0.0.1:1", "SLUICE_HUBSPOT_APP_URL": "http://127.0.0.1:2", "SLUICE_HUBSPOT_VERSION": "2026-03", "SLUICE_HUBSPOT_PORTAL": "8100",
	})
	c, err := config.Load()
	require.NoError(t, err)
	require.NoError(t, c.CheckServing())
	require.Equal(t, config.Config{
		DatabaseURL: databaseURL, Pipeline: "my.yaml", ModelDir: "models",
		HTTPAddr: ":80", APIToken: "a", PublicURL: "https://s.example.com", LogLevel: "debug",
		Deployment: "sales/worker", BuildID: "v0.7.0-5f2a",
		CRM: "hubspot", HubSpot: config.HubSpot{
			Token: "b", ClientSecret: "c", BaseURL: "http://127.0.0.1:1", AppURL: "http://127.0.0.1:2", Version: "2026-03", Portal: "8100",
		},
	}, c)
}

func TestLoadDefaults(t *testing.T) {
	tests := []struct {
		name string
		give map[string]string
	}{
		{"not set", nil},
		{"set to nothing, as compose files do", map[string]string{
			"SLUICE_CONFIG": "", "SLUICE_MODEL_DIR": "", "SLUICE_HTTP_ADDR": "", "SLUICE_API_TOKEN": "", "SLUICE_PUBLIC_URL": "",
			"TEMPORAL_DEPLOYMENT_NAME": "", "TEMPORAL_WORKER_BUILD_ID": "",
			"SLUICE_LOG_LEVEL": "", "SLUICE_CRM": "", "SLUICE_HUBSPOT_TOKEN": "", "SLUICE_HUBSPOT_CLIENT_SECRET": "",
			"SLUICE_HUBSPOT_BASE_URL": "", "SLUICE_HUBSPOT_APP_URL": "", "SLUICE_HUBSPOT_VERSION": "", "SLUICE_HUBSPOT_PORTAL": "",
		}},
		// Not ours, though envconfig would take them where a tag holds a short name.
		{"other programs' variables", map[string]string{
			"CONFIG": canary, "MODEL_DIR": canary, "HTTP_ADDR": canary, "API_TOKEN": canary, "PUBLIC_URL": canary, "LOG_LEVEL": canary,
			"CRM": canary, "TOKEN": canary, "CLIENT_SECRET": canary, "BASE_URL": canary, "VERSION": canary, "PORTAL": canary,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environment(t, tt.give)
			t.Setenv("SLUICE_DATABASE_URL", databaseURL)
			c, err := config.Load()
			require.NoError(t, err)
			require.NoError(t, c.CheckServing())
			require.Equal(t, config.Config{
				DatabaseURL: databaseURL, Pipeline: "sluice.yaml", HTTPAddr: "127.0.0.1:8080", LogLevel: "info", Deployment: "sluice",
				HubSpot: config.HubSpot{BaseURL: "https://api.hubapi.com", Version: "2026-09"},
			}, c)
		})
	}
}

// TestLoadNamesWhatIsWrong holds that an error names the variable and not its value.
func TestLoadNamesWhatIsWrong(t *testing.T) {
	tests := []struct{ name, variable, value, want string }{
		{"no database", "SLUICE_DATABASE_URL", "", "SLUICE_DATABASE_URL: empty; `make stack` prints one"},
		{"a database that is no URL", "SLUICE_DATABASE_URL", canary, "SLUICE_DATABASE_URL: not a connection string such as postgres://user:password@host:5432/sluice; `make stack` prints one"},
		{"a database password with a per cent sign", "SLUICE_DATABASE_URL", "postgres://sluice:%zz" + canary + "@127.0.0.1/sluice", "SLUICE_DATABASE_URL: not a connection string such as postgres://user:password@host:5432/sluice; `make stack` prints one"},
		{"a database port in words", "SLUICE_DATABASE_URL", "postgres://sluice:" + canary + "@127.0.0.1:" + canary + "/sluice", "SLUICE_DATABASE_URL: not a connection string such as postgres://user:password@host:5432/sluice; `make stack` prints one"},
		{"a database pool in words", "SLUICE_DATABASE_URL", databaseURL + "?pool_max_conns=" + canary, "SLUICE_DATABASE_URL: not a connection string such as postgres://user:password@host:5432/sluice; `make stack` prints one"},
		{"an address without a port", "SLUICE_HTTP_ADDR", canary, "SLUICE_HTTP_ADDR: want host:port, such as 127.0.0.1:8080"},
		{"a metrics address without a port", "SLUICE_METRICS_ADDR", canary, "SLUICE_METRICS_ADDR: want host:port, such as 127.0.0.1:9090"},
		{"an address with an empty port", "SLUICE_HTTP_ADDR", canary + ":", "SLUICE_HTTP_ADDR: want host:port, such as 127.0.0.1:8080"},
		{"an API token with a line break", "SLUICE_API_TOKEN", canary + "\n", "SLUICE_API_TOKEN: has spaces, line breaks or characters that no key has; paste it again"},
		{"a public URL without a scheme", "SLUICE_PUBLIC_URL", canary + ".example.com", "SLUICE_PUBLIC_URL: want an http or https URL, such as https://sluice.example.com"},
		{"a public URL of another scheme", "SLUICE_PUBLIC_URL", "ftp://" + canary, "SLUICE_PUBLIC_URL: want an http or https URL, such as https://sluice.example.com"},
		{"a public URL that is none", "SLUICE_PUBLIC_URL", "http://" + canary + "\x7f", "SLUICE_PUBLIC_URL: want an http or https URL, such as https://sluice.example.com"},
		{"a log level that is none", "SLUICE_LOG_LEVEL", canary, "SLUICE_LOG_LEVEL: want debug, info, warn or error"},
		{"a deployment that Temporal refuses", "TEMPORAL_DEPLOYMENT_NAME", canary + ".worker", "TEMPORAL_DEPLOYMENT_NAME: want letters, digits, - _ and / only, such as sluice"},
		{"a build with a quote", "TEMPORAL_WORKER_BUILD_ID", canary + "'", "TEMPORAL_WORKER_BUILD_ID: want letters, digits, . _ + and - only, such as 0.7.0 or a commit"},
		{"a payload key that is none", "SLUICE_PAYLOAD_KEYS", "a:" + canary, "SLUICE_PAYLOAD_KEYS: entry 1: keys: the key of a is not 32 bytes in base64; `starter payload-key` makes one"},
		{"a short codec secret", "SLUICE_CODEC_SECRET", "canary-7", "SLUICE_CODEC_SECRET: too short; take at least 16 characters"},
		{"a UI origin with a path", "SLUICE_TEMPORAL_UI_ORIGIN", "https://t.example/" + canary, "SLUICE_TEMPORAL_UI_ORIGIN: want scheme, host and port only, such as https://temporal.example.com"},
		{"a secret file that is not there", "SLUICE_API_TOKEN_FILE", "/nowhere/secret", "SLUICE_API_TOKEN_FILE: open /nowhere/secret: no such file or directory"},
		{"an empty secret file", "SLUICE_API_TOKEN_FILE", "/dev/null", "SLUICE_API_TOKEN_FILE: /dev/null is empty"},
		{"a secret and a file for it", "SLUICE_HUBSPOT_TOKEN_FILE", "/dev/null", "SLUICE_HUBSPOT_TOKEN: set, and so is SLUICE_HUBSPOT_TOKEN_FILE; take one of them"},
		{"a CRM that is not there", "SLUICE_CRM", canary, "SLUICE_CRM: only hubspot is there by now"},
		{"a CRM without a token", "SLUICE_HUBSPOT_TOKEN", "", "SLUICE_HUBSPOT_TOKEN: empty; set the token of the HubSpot app or service key"},
		{"a CRM token with a space", "SLUICE_HUBSPOT_TOKEN", canary + " " + canary, "SLUICE_HUBSPOT_TOKEN: has spaces, line breaks or characters that no key has; paste it again"},
		{"a CRM token of another script", "SLUICE_HUBSPOT_TOKEN", canary + "ü", "SLUICE_HUBSPOT_TOKEN: has spaces, line breaks or characters that no key has; paste it again"},
		{"a webhook secret with a tab", "SLUICE_HUBSPOT_CLIENT_SECRET", "\t" + canary, "SLUICE_HUBSPOT_CLIENT_SECRET: has spaces, line breaks or characters that no key has; paste it again"},
		{"a CRM address that is no URL", "SLUICE_HUBSPOT_BASE_URL", canary, "SLUICE_HUBSPOT_BASE_URL: want an http or https URL, such as https://sluice.example.com"},
		{"a CRM app address that is no URL", "SLUICE_HUBSPOT_APP_URL", canary, "SLUICE_HUBSPOT_APP_URL: want an http or https URL, such as https://sluice.example.com"},
		{"a CRM account in words", "SLUICE_HUBSPOT_PORTAL", canary, "SLUICE_HUBSPOT_PORTAL: want the number of the HubSpot account, the one in its address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environment(t, map[string]string{"SLUICE_DATABASE_URL": databaseURL, "SLUICE_CRM": "hubspot", "SLUICE_HUBSPOT_TOKEN": "b"})
			t.Setenv(tt.variable, tt.value)
			_, err := config.Load()
			require.EqualError(t, err, tt.want)
			require.NotContains(t, err.Error(), canary)
		})
	}
}

func TestLoadNamesEverythingThatIsWrong(t *testing.T) {
	environment(t, map[string]string{
		"SLUICE_HTTP_ADDR": canary, "SLUICE_LOG_LEVEL": canary, "SLUICE_CRM": "hubspot", "SLUICE_HUBSPOT_PORTAL": canary,
	})
	_, err := config.Load()
	var names []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	require.Equal(t, []string{
		"SLUICE_DATABASE_URL", "SLUICE_HTTP_ADDR", "SLUICE_LOG_LEVEL", "SLUICE_HUBSPOT_TOKEN", "SLUICE_HUBSPOT_PORTAL",
	}, names)
}

func TestCheckServing(t *testing.T) {
	t.Parallel()
	const noToken = "SLUICE_API_TOKEN: set one, or let SLUICE_HTTP_ADDR be a loopback address"
	tests := []struct {
		name string
		give config.Config
		want string
	}{
		{"loopback without a token", config.Config{HTTPAddr: "127.0.0.1:8080"}, ""},
		{"another loopback address", config.Config{HTTPAddr: "127.9.9.9:8080"}, ""},
		{"loopback by name", config.Config{HTTPAddr: "localhost:8080"}, ""},
		{"loopback of IPv6", config.Config{HTTPAddr: "[::1]:8080"}, ""},
		{"everywhere without a token", config.Config{HTTPAddr: ":8080"}, noToken},
		{"every address without a token", config.Config{HTTPAddr: "0.0.0.0:8080"}, noToken},
		{"every address of IPv6 without a token", config.Config{HTTPAddr: "[::]:8080"}, noToken},
		{"a private address without a token", config.Config{HTTPAddr: "192.168.1.2:8080"}, noToken},
		{"a name that may be anywhere", config.Config{HTTPAddr: "localhost.example.com:8080"}, noToken},
		{"no address", config.Config{HTTPAddr: "127.0.0.1"}, noToken},
		{"everywhere with a token", config.Config{HTTPAddr: ":8080", APIToken: "a"}, ""},
		{
			"webhooks without the address they are signed over",
			config.Config{HTTPAddr: "127.0.0.1:1", CRM: "hubspot", HubSpot: config.HubSpot{ClientSecret: "c"}},
			"SLUICE_PUBLIC_URL: empty; webhook signatures are checked over it",
		},
		{"no webhooks, no address", config.Config{HTTPAddr: "127.0.0.1:1", CRM: "hubspot"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.give.CheckServing()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = config.Secret(canary)
	c := config.Config{DatabaseURL: secret, APIToken: secret, HubSpot: config.HubSpot{Token: secret, ClientSecret: secret}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%t"} {
		require.Equal(t, "[redacted]", fmt.Sprintf(verb, secret), verb)
		require.NotContains(t, fmt.Sprintf(verb, c), canary, verb)
		require.NotContains(t, fmt.Sprintf(verb, &c), canary, verb)
		require.NotContains(t, fmt.Sprintf(verb, []config.Secret{secret}), canary, verb)
	}
	require.Equal(t, "[redacted]", fmt.Sprint(secret))
	require.Equal(t, "[redacted]", secret.String())
	require.Equal(t, canary, secret.Reveal())
	data, err := json.Marshal([]any{secret, c, &c})
	require.NoError(t, err)
	require.NotContains(t, string(data), canary)
	require.NotContains(t, logged(t, zap.Any("secret", secret), zap.Stringer("stringer", secret), zap.Any("config", c), zap.Reflect("reflect", &c)), canary)
}

func logged(t *testing.T, fields ...zap.Field) string {
	t.Helper()
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
	log.Info("Look", fields...)
	log.Sugar().Infow("Look", "secret", fields[0].Interface)
	require.Contains(t, out.String(), "[redacted]")
	return out.String()
}

func TestLoadCredential(t *testing.T) {
	environment(t, map[string]string{"SLUICE_APOLLO_API_KEY": "k", "SLUICE_APOLLO_BASE_URL": "http://127.0.0.1:1/apollo"})
	got, err := config.LoadCredential("APOLLO")
	require.NoError(t, err)
	require.Equal(t, config.Credential{Key: "k", BaseURL: "http://127.0.0.1:1/apollo"}, got)
	got, err = config.LoadCredential("HUNTER")
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestSecretsAreReadFromFiles(t *testing.T) {
	in := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	environment(t, map[string]string{
		"SLUICE_DATABASE_URL_FILE": in(databaseURL + "\n"), "SLUICE_API_TOKEN_FILE": in("a\r\n"), "SLUICE_PAYLOAD_KEYS_FILE": in(payloadKeys + "\n"),
		"SLUICE_CRM": "hubspot", "SLUICE_HUBSPOT_TOKEN_FILE": in("b"), "SLUICE_APOLLO_API_KEY_FILE": in("c\n"),
	})
	c, err := config.Load()
	require.NoError(t, err)
	require.Equal(t, config.Secret(databaseURL), c.DatabaseURL)
	require.Equal(t, config.Secret("a"), c.APIToken)
	require.Equal(t, config.Secret("b"), c.HubSpot.Token)
	codec, err := c.Codec(nil)
	require.NoError(t, err)
	require.NotNil(t, codec)
	apollo, err := config.LoadCredential("APOLLO")
	require.NoError(t, err)
	require.Equal(t, config.Secret("c"), apollo.Key)
}

// payloadKeys are two keys, of which the first seals.
const payloadKeys = "# ours\n2026-11:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n2026-08:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// TestStrayAPIKeyGoesToNobody holds that another program's API_KEY is not taken for
// the key of every provider.
func TestStrayAPIKeyGoesToNobody(t *testing.T) {
	environment(t, map[string]string{"API_KEY": canary, "BASE_URL": "https://" + canary + ".example"})
	got, err := config.LoadCredential("APOLLO")
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestLoadCredentialNamesWhatIsWrong(t *testing.T) {
	tests := []struct{ name, variable, value, want string }{
		{"a key with a line break", "SLUICE_PDL_API_KEY", canary + "\n", "SLUICE_PDL_API_KEY: has spaces, line breaks or characters that no key has; paste it again"},
		{"an address that is no URL", "SLUICE_PDL_BASE_URL", canary, "SLUICE_PDL_BASE_URL: want an http or https URL, such as https://sluice.example.com"},
		{"an address that cannot be parsed", "SLUICE_PDL_BASE_URL", "http://u:" + canary + "@[", "SLUICE_PDL_BASE_URL: want an http or https URL, such as https://sluice.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environment(t, map[string]string{tt.variable: tt.value})
			_, err := config.LoadCredential("PDL")
			require.EqualError(t, err, tt.want)
			_, err = config.BuildProvider(config.Provider{Name: "pdl"})
			require.EqualError(t, err, tt.want)
		})
	}
}
