// Package deploy_test checks the files that run Sluice, as far as that goes without
// running them. Its tests are not parallel: the compose loader has races.
package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// required is the environment without which the compose file must not start.
var required = types.Mapping{
	"SLUICE_DB_PASSWORD":   "sluice-password",
	"TEMPORAL_DB_PASSWORD": "temporal-password",
	"SLUICE_API_TOKEN":     "token",
}

// load parses a compose file as docker compose does, against its schema.
func load(t *testing.T, content string, environment types.Mapping, profiles ...string) (*types.Project, error) {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "docker-compose.yml"), Content: []byte(content)}},
		Environment: environment,
	}, loader.WithProfiles(profiles))
}

func composeFile(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../docker-compose.yml")
	require.NoError(t, err)
	return string(content)
}

func project(t *testing.T, environment types.Mapping, profiles ...string) *types.Project {
	t.Helper()
	p, err := load(t, composeFile(t), environment, profiles...)
	require.NoError(t, err)
	return p
}

func TestComposeServices(t *testing.T) {
	always := []string{
		"migrate", "postgres", "starter", "temporal", "temporal-namespace", "temporal-schema", "temporal-ui", "worker",
	}
	require.ElementsMatch(t, always, project(t, required).ServiceNames())
	require.ElementsMatch(t, append(always, "sandbox"), project(t, required, "sandbox").ServiceNames())
	require.ElementsMatch(t, append(always, "prometheus", "grafana", "jaeger"), project(t, required, "monitoring").ServiceNames())
}

func TestComposeEnvironmentOfSluice(t *testing.T) {
	p := project(t, required)
	for _, name := range []string{"worker", "starter", "migrate"} {
		environment := p.Services[name].Environment
		for _, variable := range []string{
			"SLUICE_DATABASE_URL", "PGPASSWORD", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "SLUICE_CONFIG", "SLUICE_MODEL_DIR",
		} {
			require.NotNil(t, environment[variable], "%s of %s", variable, name)
			require.NotEmpty(t, *environment[variable], "%s of %s", variable, name)
		}
		require.NotContains(t, *environment["SLUICE_DATABASE_URL"], required["SLUICE_DB_PASSWORD"])
		require.Contains(t, environment, "SLUICE_APOLLO_API_KEY")
		require.Nil(t, environment["SLUICE_APOLLO_API_KEY"], "not set, so that the program's default holds")
	}
	require.Equal(t, "token", *p.Services["starter"].Environment["SLUICE_API_TOKEN"])
}

func TestComposePassesOnWhatIsSet(t *testing.T) {
	environment := types.Mapping{"SLUICE_CRM": "hubspot", "SLUICE_HUBSPOT_TOKEN": "canary", "TEMPORAL_NAMESPACE": "sales"}
	p := project(t, environment.Merge(required))
	for _, name := range []string{"worker", "starter"} {
		service := p.Services[name].Environment
		require.Equal(t, "hubspot", *service["SLUICE_CRM"])
		require.Equal(t, "canary", *service["SLUICE_HUBSPOT_TOKEN"])
		require.Equal(t, "sales", *service["TEMPORAL_NAMESPACE"])
	}
	require.Equal(t, "sales", *p.Services["temporal-namespace"].Environment["TEMPORAL_NAMESPACE"])
}

func TestComposeLetsTheUIOpenWhatIsSealed(t *testing.T) {
	require.Empty(t, *project(t, required).Services["temporal-ui"].Environment["TEMPORAL_CODEC_ENDPOINT"])
	p := project(t, types.Mapping{"SLUICE_PAYLOAD_KEYS": "a:key", "SLUICE_CODEC_SECRET": "codec-secret"}.Merge(required))
	require.Equal(t, "http://127.0.0.1:8080/codec/codec-secret", *p.Services["temporal-ui"].Environment["TEMPORAL_CODEC_ENDPOINT"])
	require.Equal(t, "http://127.0.0.1:8233", *p.Services["starter"].Environment["SLUICE_TEMPORAL_UI_ORIGIN"])
	require.Equal(t, "a:key", *p.Services["worker"].Environment["SLUICE_PAYLOAD_KEYS"])
	require.Nil(t, p.Services["worker"].Environment["SLUICE_CODEC_SECRET"], "who opens is the starter")
}

func TestComposeRefusesWhatIsBroken(t *testing.T) {
	good := composeFile(t)
	tests := []struct {
		name, give, want string
		giveEnvironment  types.Mapping
	}{
		{name: "no database password", give: good, giveEnvironment: without("SLUICE_DB_PASSWORD"), want: "SLUICE_DB_PASSWORD"},
		{name: "no password for Temporal", give: good, giveEnvironment: without("TEMPORAL_DB_PASSWORD"), want: "TEMPORAL_DB_PASSWORD"},
		{name: "no API token", give: good, giveEnvironment: without("SLUICE_API_TOKEN"), want: "SLUICE_API_TOKEN"},
		{name: "unknown key", give: strings.Replace(good, "command: [worker]", "comand: [worker]", 1), want: "comand"},
		{name: "unknown dependency", give: strings.Replace(good, "  migrate: {cond", "  migrat: {cond", 1), want: "migrat"},
		{name: "wrong type", give: strings.Replace(good, "read_only: true", "read_only: [true]", 1), want: "read_only"},
		{name: "not YAML", give: good + "\n\t:", want: "yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environment := tt.giveEnvironment
			if environment == nil {
				environment = required
			}
			_, err := load(t, tt.give, environment)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func without(name string) types.Mapping {
	environment := types.Mapping{}.Merge(required)
	delete(environment, name)
	return environment
}

func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	for name, service := range project(t, required, "sandbox", "monitoring").Services {
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "port %s of %s", port.Published, name)
		}
	}
}

func TestComposeIsHardened(t *testing.T) {
	p := project(t, required, "sandbox")
	for _, name := range []string{"worker", "starter", "migrate", "sandbox"} {
		service := p.Services[name]
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		require.Empty(t, service.User, "%s: the image's, which is nobody's", name)
		require.Equal(t, "deploy/Dockerfile", service.Build.Dockerfile, name)
	}
}

func TestComposePinsImages(t *testing.T) {
	for name, service := range project(t, required, "sandbox", "monitoring").Services {
		if service.Build == nil {
			require.Regexp(t, `^[a-z/-]+:v?\d+\.\d+(\.\d+)?$`, service.Image, name)
		}
	}
}

// TestComposeWaits follows the arrows: Sluice starts when its database is migrated
// and its namespace is there.
func TestComposeWaits(t *testing.T) {
	p := project(t, required)
	for _, name := range []string{"worker", "starter"} {
		depends := p.Services[name].DependsOn
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, depends["migrate"].Condition, name)
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, depends["temporal-namespace"].Condition, name)
	}
	for _, name := range []string{"postgres", "temporal", "starter", "worker"} {
		require.NotNil(t, p.Services[name].HealthCheck, name)
	}
}

// TestComposeMountsFilesThatExist catches a renamed script, which Docker would
// replace by an empty directory.
func TestComposeMountsFilesThatExist(t *testing.T) {
	for name, service := range project(t, required, "sandbox", "monitoring").Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				_, err := os.Stat(volume.Source)
				require.NoError(t, err, name)
			}
		}
	}
}

// TestPrometheusScrapesWhatTheServicesShow keeps the jobs and the services together.
func TestPrometheusScrapesWhatTheServicesShow(t *testing.T) {
	text, err := os.ReadFile("monitoring/prometheus.yml")
	require.NoError(t, err)
	var scraped struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
			DNS     []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal(text, &scraped))
	p := project(t, required, "monitoring")
	require.Len(t, scraped.ScrapeConfigs, 2)
	worker, starter := scraped.ScrapeConfigs[0], scraped.ScrapeConfigs[1]
	require.Equal(t, []string{"worker"}, worker.DNS[0].Names)
	require.Equal(t, "0.0.0.0:"+strconv.Itoa(worker.DNS[0].Port), *p.Services["worker"].Environment["SLUICE_METRICS_ADDR"])
	require.Equal(t, []string{"starter:8080"}, starter.Static[0].Targets)
	require.Equal(t, "0.0.0.0:8080", *p.Services["starter"].Environment["SLUICE_HTTP_ADDR"])
	mounted := map[string]bool{}
	for _, v := range p.Services["prometheus"].Volumes {
		mounted[v.Target] = true
	}
	for _, file := range scraped.RuleFiles {
		require.True(t, mounted[file], file)
	}
}

func TestComposeTracesWhenTheEnvironmentSaysWhere(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	off := project(t, required)
	on := project(t, types.Mapping{endpoint: "http://jaeger:4318"}.Merge(required), "monitoring")
	for _, name := range []string{"worker", "starter"} {
		require.Nil(t, off.Services[name].Environment[endpoint])
		require.Equal(t, "http://jaeger:4318", *on.Services[name].Environment[endpoint])
	}
	require.Contains(t, on.Services["jaeger"].Command[0], "http.endpoint=0.0.0.0:4318")
}

// TestEnvExample keeps .env.example and the compose file together.
func TestEnvExample(t *testing.T) {
	example, err := os.ReadFile("../.env.example")
	require.NoError(t, err)
	listed := submatches(`(?m)^#?([A-Z][A-Z0-9_]+)=`, string(example))
	for _, variable := range submatches(`\b((?:SLUICE|TEMPORAL|OTEL)_[A-Z0-9_]+)\b`, composeFile(t)) {
		if variable != "TEMPORAL_DEFAULT_NAMESPACE" && variable != "TEMPORAL_CODEC_ENDPOINT" { // the UI's own
			require.Contains(t, listed, variable)
		}
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(listed))), len(listed), "a variable is listed twice")
}

func submatches(pattern, text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
