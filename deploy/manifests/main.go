// Command manifests builds each kustomization and holds it against the API of Kubernetes:
// a key that a type does not have, or a value of the wrong type, is an error.
package main

import (
	"errors"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// types are what the manifests use.
var types = map[string]func() any{
	"v1/Namespace":                       func() any { return &corev1.Namespace{} },
	"v1/ConfigMap":                       func() any { return &corev1.ConfigMap{} },
	"v1/Service":                         func() any { return &corev1.Service{} },
	"v1/ServiceAccount":                  func() any { return &corev1.ServiceAccount{} },
	"apps/v1/Deployment":                 func() any { return &appsv1.Deployment{} },
	"batch/v1/Job":                       func() any { return &batchv1.Job{} },
	"policy/v1/PodDisruptionBudget":      func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1/NetworkPolicy": func() any { return &networkingv1.NetworkPolicy{} },
}

// keda has no types here: the tests of package deploy hold what is relied on.
const keda = "keda.sh/v1alpha1/"

func main() {
	var errs []error
	for _, dir := range os.Args[1:] {
		n, err := check(dir)
		errs = append(errs, err)
		fmt.Printf("%s: %d objects\n", dir, n)
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(dir string) (int, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return 0, fmt.Errorf("build %s: %w", dir, err)
	}
	var errs []error
	for _, r := range built.Resources() {
		if err := decode(r); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s %s: %w", dir, r.GetKind(), r.GetName(), err))
		}
	}
	return built.Size(), errors.Join(errs...)
}

func decode(r *resource.Resource) error {
	gvk := r.GetApiVersion() + "/" + r.GetKind()
	if len(gvk) > len(keda) && gvk[:len(keda)] == keda {
		return nil
	}
	into, ok := types[gvk]
	if !ok {
		return fmt.Errorf("%s is not known here", gvk)
	}
	text, err := r.AsYAML()
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(text, into())
}
