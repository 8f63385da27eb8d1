package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/strictyaml"
)

// LoadModels reads the shipped models and those of dir, by name. A file of dir
// with the name of a shipped model takes its place.
func LoadModels(dir string) (map[string]*icp.Model, error) {
	models := map[string]*icp.Model{}
	for _, name := range icp.Shipped() {
		m, err := icp.Load(name)
		if err != nil {
			return nil, err
		}
		models[name] = m
	}
	if dir == "" {
		return models, nil
	}
	return models, addModels(models, dir)
}

// addModels reads every model of dir, and reports all that cannot be read at once.
func addModels(models map[string]*icp.Model, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("SLUICE_MODEL_DIR: %w", err)
	}
	var errs []error
	from := map[string]string{} // model → file
	for _, entry := range entries {
		file := filepath.Join(dir, entry.Name())
		if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(file)) {
			continue
		}
		m, err := LoadModel(file)
		switch {
		case err != nil:
			errs = append(errs, err)
		case from[m.Name] != "":
			errs = append(errs, fmt.Errorf("%s: the model %q is in %s already; give it another name, or remove one", file, m.Name, from[m.Name]))
		default:
			models[m.Name], from[m.Name] = m, file
		}
	}
	return errors.Join(errs...)
}

// LoadModel reads one model file.
func LoadModel(file string) (*icp.Model, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return icp.Parse(strings.TrimPrefix(file, "./"), data)
}

// ActiveModel returns the one of models that new runs use. It is here that the file
// meets the model: a route for a queue that no account ever gets to is a slip, and
// would leave those who work the queue without owners.
func (p Pipeline) ActiveModel(models map[string]*icp.Model) (*icp.Model, error) {
	m, ok := models[p.Model]
	if !ok {
		names := slices.Sorted(maps.Keys(models))
		return nil, strictyaml.Report(p.modelAt.Mistake("no model is called %q%s; shipped and in SLUICE_MODEL_DIR: %s",
			p.Model, strictyaml.DidYouMean(p.Model, names), strings.Join(names, ", ")))
	}
	if m.Subject != icp.SubjectCompany {
		return nil, strictyaml.Report(p.modelAt.Mistake("%s rates contacts; runs are of companies", m.ID()))
	}
	var wrong []strictyaml.Mistake
	queues := Queues(m)
	for queue := range p.Routes.Queues {
		if !slices.Contains(queues, queue) {
			wrong = append(wrong, p.queueAt[queue].Mistake("%s has no queue %q%s; its queues: %s",
				m.ID(), queue, strictyaml.DidYouMean(queue, queues), strings.Join(queues, ", ")))
		}
	}
	return m, strictyaml.Report(wrong...) // in the order of the file
}

// Queues returns the queues that the model sends accounts to, each once, that of
// the highest tier first.
func Queues(m *icp.Model) []string {
	var queues []string
	for _, t := range m.Tiers {
		if !slices.Contains(queues, t.Queue) {
			queues = append(queues, t.Queue)
		}
	}
	if !slices.Contains(queues, m.Exploration.Queue) {
		queues = append(queues, m.Exploration.Queue)
	}
	return queues
}
