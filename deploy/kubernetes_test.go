package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/workflows"
)

// manifest is what these tests look at in an object. `make check` builds the
// kustomizations and holds them against the types of Kubernetes' API.
type manifest struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	Spec                         struct {
		Selector    yaml.Node
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []struct{ Ports []policyPort }
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
		ScaleTargetRef struct{ Name string } `yaml:"scaleTargetRef"`
		MinReplicas    int                   `yaml:"minReplicaCount"`
		MaxReplicas    int                   `yaml:"maxReplicaCount"`
		Triggers       []struct {
			Type, Name string
			Metadata   map[string]string
		}
		MaxUnavailable int `yaml:"maxUnavailable"`
	}
}

type policyPort struct{ Port string }

type selector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []struct {
		Key, Operator string
		Values        []string
	} `yaml:"matchExpressions"`
}

// takes reports whether the selector takes a pod with these labels.
func (s selector) takes(labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if labels[k] != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		if e.Operator != "In" || !slices.Contains(e.Values, labels[e.Key]) {
			return false
		}
	}
	return true
}

type pod struct {
	ServiceAccountName           string `yaml:"serviceAccountName"`
	AutomountServiceAccountToken *bool  `yaml:"automountServiceAccountToken"`
	EnableServiceLinks           *bool  `yaml:"enableServiceLinks"`
	SecurityContext              struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers     []container
	InitContainers []container `yaml:"initContainers"`
	Volumes        []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		HostPath  *struct{}             `yaml:"hostPath"`
	}
}

type container struct {
	Name, Image string
	Command     []string
	Env         []struct{ Name, Value string }
	EnvFrom     []struct {
		ConfigMap *struct{ Name string } `yaml:"configMapRef"`
		Secret    *struct{ Name string } `yaml:"secretRef"`
	} `yaml:"envFrom"`
	Ports           []struct{ Name string }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop, Add []string }
	} `yaml:"securityContext"`
	Resources      struct{ Requests, Limits map[string]string }
	StartupProbe   *probe `yaml:"startupProbe"`
	ReadinessProbe *probe `yaml:"readinessProbe"`
	LivenessProbe  *probe `yaml:"livenessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// kustomization is what these tests look at in one.
type kustomization struct {
	Resources, Components []string
	Images                []struct {
		Name string
		Tag  string `yaml:"newTag"`
	}
	ConfigMapGenerator []struct {
		Name            string
		Files, Literals []string
	} `yaml:"configMapGenerator"`
	Patches []struct{ Patch string }
}

var kubernetesDirs = []string{"base", "keda", "temporal-cloud", "overlays/example"}

func kustomized(t *testing.T, dir string) kustomization {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("kubernetes", dir, "kustomization.yaml"))
	require.NoError(t, err)
	var k kustomization
	require.NoError(t, yaml.Unmarshal(text, &k), dir)
	return k
}

// manifests are all objects of the directories.
func manifests(t *testing.T) []manifest {
	t.Helper()
	var all []manifest
	for _, dir := range kubernetesDirs {
		for _, r := range kustomized(t, dir).Resources {
			if filepath.Ext(r) != ".yaml" {
				continue
			}
			text, err := os.ReadFile(filepath.Join("kubernetes", dir, r))
			require.NoError(t, err)
			for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
				var m manifest
				err := d.Decode(&m)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, r)
				require.NotEmpty(t, m.Kind, r)
				require.NotEmpty(t, m.Metadata.Name, r)
				all = append(all, m)
			}
		}
	}
	return all
}

func ofKind(t *testing.T, kinds ...string) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	for _, m := range manifests(t) {
		if slices.Contains(kinds, m.Kind) {
			all[m.Metadata.Name] = m
		}
	}
	require.NotEmpty(t, all, kinds)
	return all
}

func workloads(t *testing.T) map[string]manifest { return ofKind(t, "Deployment", "Job") }

func TestKustomizationsListTheFilesThatAreThere(t *testing.T) {
	for _, dir := range kubernetesDirs {
		k := kustomized(t, dir)
		listed := slices.Concat(k.Resources, k.Components, []string{"kustomization.yaml"})
		for _, g := range k.ConfigMapGenerator {
			listed = append(listed, g.Files...)
		}
		for _, name := range listed {
			require.True(t, exists(filepath.Join("kubernetes", dir, name)), "%s lists %s", dir, name)
		}
		entries, err := os.ReadDir(filepath.Join("kubernetes", dir))
		require.NoError(t, err)
		for _, e := range entries {
			require.Contains(t, listed, e.Name(), dir)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestPodsAreHardened(t *testing.T) {
	accounts := ofKind(t, "ServiceAccount")
	for name, w := range workloads(t) {
		p := w.Spec.Template.Spec
		require.True(t, p.SecurityContext.RunAsNonRoot, name)
		require.Positive(t, p.SecurityContext.RunAsUser, name)
		require.Equal(t, "RuntimeDefault", p.SecurityContext.SeccompProfile.Type, name)
		require.Contains(t, accounts, p.ServiceAccountName, name)
		require.False(t, *accounts[p.ServiceAccountName].AutomountServiceAccountToken)
		require.False(t, *p.AutomountServiceAccountToken, name)
		require.False(t, *p.EnableServiceLinks, "%s: the variables of services would be called SLUICE_…", name)
		require.NotEmpty(t, p.Containers, name)
		for _, c := range append(p.Containers, p.InitContainers...) {
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
			require.True(t, c.SecurityContext.ReadOnlyRootFilesystem, name)
			require.Equal(t, []string{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			require.Empty(t, c.SecurityContext.Capabilities.Add, name)
			require.NotEmpty(t, c.Resources.Requests["cpu"], name)
			require.NotEmpty(t, c.Resources.Requests["memory"], name)
			require.NotEmpty(t, c.Resources.Limits["memory"], name)
			require.Equal(t, "sluice", c.Image, "the name that overlays replace")
			require.Contains(t, []string{"worker", "starter"}, c.Command[0], "a program of the image")
		}
		for _, v := range p.Volumes {
			require.Nil(t, v.HostPath, name)
		}
	}
}

func TestDeploymentsAreProbed(t *testing.T) {
	for name, d := range ofKind(t, "Deployment") {
		c := d.Spec.Template.Spec.Containers[0]
		for kind, p := range map[string]*probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			require.NotNil(t, p, "%s of %s", kind, name)
			require.Equal(t, c.Ports[0].Name, p.HTTPGet.Port, "%s of %s", kind, name)
			want := "/healthz" // to restart for another's outage would mend nothing
			if kind == "readiness" {
				want = "/readyz"
			}
			require.Equal(t, want, p.HTTPGet.Path, "%s of %s", kind, name)
		}
	}
}

func TestSecretsAreReferredToAndNeverWritten(t *testing.T) {
	require.Empty(t, slices.DeleteFunc(manifests(t), func(m manifest) bool { return m.Kind != "Secret" }))
	secret := regexp.MustCompile(`(_KEY|_TOKEN|_SECRET|PASSWORD|DATABASE_URL)$`)
	generated := map[string]bool{}
	for _, dir := range kubernetesDirs {
		for _, g := range kustomized(t, dir).ConfigMapGenerator {
			generated[g.Name] = true
			for _, l := range g.Literals {
				name, _, _ := strings.Cut(l, "=")
				require.NotRegexp(t, secret, name, dir)
			}
		}
	}
	known, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for name, w := range workloads(t) {
		p := w.Spec.Template.Spec
		for _, v := range p.Volumes {
			require.True(t, generated[v.ConfigMap.Name], "%s mounts %s", name, v.Name)
		}
		for _, c := range p.Containers {
			for _, e := range c.Env {
				require.NotRegexp(t, secret, e.Name, name)
				require.True(t, e.Name == "GOMEMLIMIT" || strings.Contains(string(known), "`"+e.Name+"`"), "%s is not a variable that docs/operations.md knows", e.Name)
			}
			var secrets []string
			for _, from := range c.EnvFrom {
				if from.Secret != nil {
					secrets = append(secrets, from.Secret.Name)
				} else {
					require.True(t, generated[from.ConfigMap.Name], "%s takes %s", name, from.ConfigMap.Name)
				}
			}
			require.Contains(t, secrets, "sluice", name)
			require.Equal(t, name == "starter", slices.Contains(secrets, "sluice-front"), "%s: only the front door has its secrets", name)
			require.Equal(t, name == "worker", slices.Contains(secrets, "sluice-providers"), "%s: only workers have the providers' keys", name)
		}
	}
}

func TestSelectorsAndPortsMeet(t *testing.T) {
	deployments := ofKind(t, "Deployment")
	for name, d := range deployments {
		var s selector
		require.NoError(t, d.Spec.Selector.Decode(&s))
		require.True(t, s.takes(d.Spec.Template.Metadata.Labels), name)
		for other, o := range workloads(t) {
			require.Equal(t, other == name, s.takes(o.Spec.Template.Metadata.Labels), "%s takes pods of %s", name, other)
		}
	}
	for name, b := range ofKind(t, "PodDisruptionBudget") {
		var s selector
		require.NoError(t, b.Spec.Selector.Decode(&s))
		require.True(t, s.takes(deployments[name].Spec.Template.Metadata.Labels), name)
		require.Equal(t, 1, b.Spec.MaxUnavailable, name)
	}
	require.Len(t, ofKind(t, "PodDisruptionBudget"), len(deployments))
	for name, s := range ofKind(t, "Service") {
		var labels map[string]string
		require.NoError(t, s.Spec.Selector.Decode(&labels))
		target := deployments[name].Spec.Template
		require.True(t, selector{MatchLabels: labels}.takes(target.Metadata.Labels), name)
		for _, p := range s.Spec.Ports {
			require.True(t, hasPort(target.Spec, p.TargetPort), "%s: %s", name, p.TargetPort)
		}
	}
}

func hasPort(p pod, name string) bool {
	return slices.ContainsFunc(p.Containers[0].Ports, func(port struct{ Name string }) bool { return port.Name == name })
}

func TestNetworkPoliciesCoverEveryPod(t *testing.T) {
	denied := map[string]bool{}
	for name, policy := range ofKind(t, "NetworkPolicy") {
		taken := 0
		for workload, w := range workloads(t) {
			if !policy.Spec.PodSelector.takes(w.Spec.Template.Metadata.Labels) {
				continue
			}
			taken++
			if name == "sluice-deny" {
				denied[workload] = true
				require.ElementsMatch(t, []string{"Ingress", "Egress"}, policy.Spec.PolicyTypes)
				require.Empty(t, policy.Spec.Ingress)
			}
			for _, rule := range policy.Spec.Ingress {
				for _, p := range rule.Ports {
					require.True(t, hasPort(w.Spec.Template.Spec, p.Port), "%s: %s of %s", name, p.Port, workload)
				}
			}
		}
		require.Positive(t, taken, "%s takes no pod", name)
	}
	require.Len(t, denied, len(workloads(t)))
}

// TestKEDAScalesByTheQueuesThatWorkersPoll keeps the triggers and the pipeline together.
func TestKEDAScalesByTheQueuesThatWorkersPoll(t *testing.T) {
	pipeline, err := config.LoadPipeline("kubernetes/base/sluice.yaml")
	require.NoError(t, err)
	want := []string{workflows.TaskQueue, workflows.BulkQueue}
	for _, step := range pipeline.Providers {
		want = append(want, workflows.ProviderQueue(step.Name))
	}
	scaled := ofKind(t, "ScaledObject")
	require.Len(t, scaled, 1, "KEDA takes one object for a Deployment")
	object := scaled["worker"]
	require.Contains(t, ofKind(t, "Deployment"), object.Spec.ScaleTargetRef.Name)
	require.Positive(t, object.Spec.MinReplicas, "timers and queries need a worker")
	require.Greater(t, object.Spec.MaxReplicas, object.Spec.MinReplicas)
	var have []string
	for _, trigger := range object.Spec.Triggers {
		require.Equal(t, "temporal", trigger.Type)
		require.Equal(t, trigger.Name, trigger.Metadata["taskQueue"])
		require.Equal(t, "TEMPORAL_ADDRESS", trigger.Metadata["endpointFromEnv"])
		require.Regexp(t, `^[1-9]\d*$`, trigger.Metadata["targetQueueSize"])
		types := "activity"
		if trigger.Name == workflows.TaskQueue || trigger.Name == workflows.BulkQueue {
			types = "workflow,activity"
		}
		require.Equal(t, types, trigger.Metadata["queueTypes"])
		have = append(have, trigger.Name)
	}
	require.Equal(t, want, have)

	cloud := kustomized(t, "temporal-cloud").Patches
	require.Len(t, cloud, 1)
	require.Equal(t, len(have), strings.Count(cloud[0].Patch, "authenticationRef"), "every trigger has the key")
}

func TestPipelinesOfKubernetesAreGood(t *testing.T) {
	shipped, err := os.ReadFile("../sluice.yaml")
	require.NoError(t, err)
	base, err := os.ReadFile("kubernetes/base/sluice.yaml")
	require.NoError(t, err)
	require.Equal(t, string(shipped), string(base), "copy sluice.yaml to deploy/kubernetes/base: kustomize reads nothing outside of it")
	example, err := config.LoadPipeline("kubernetes/overlays/example/sluice.yaml")
	require.NoError(t, err)
	workers := regexp.MustCompile(`/spec/maxReplicaCount, value: (\d)\b`).FindStringSubmatch(kustomized(t, "overlays/example").Patches[0].Patch)
	require.Equal(t, "4", workers[1])
	require.LessOrEqual(t, 4*example.CRM.Rate, 19.0, "what HubSpot allows an app")
	require.LessOrEqual(t, 4*example.CRM.SearchRate, 5.0, "what HubSpot allows an account")
}

func TestOverlaysPinTheImage(t *testing.T) {
	images := kustomized(t, "overlays/example").Images
	require.Len(t, images, 1)
	require.Equal(t, "sluice", images[0].Name)
	require.Regexp(t, `^v?\d+\.\d+\.\d+`, images[0].Tag)
}

func TestTheImageIsSmallAndNobodysRoot(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, stages, 2)
	require.Regexp(t, `^golang:\d+\.\d+\.\d+$`, stages[0][1], "pinned")
	require.Equal(t, "scratch", stages[1][1])
	require.Regexp(t, `(?m)^USER 65532:65532$`, string(text))
	require.Equal(t, 2, strings.Count(string(text), "CGO_ENABLED=0 go build"), "static")
	goMod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(goMod), "\ngo "+strings.TrimPrefix(stages[0][1], "golang:")+"\n", "the Go that go.mod asks for")
}
