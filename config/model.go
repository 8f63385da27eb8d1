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

// ActiveModels returns those of models that new runs use, the one for everybody first.
// It is here that the file meets the models: a route for a queue that no account ever
// gets to is a slip, and would leave those who work the queue without owners.
func (p Pipeline) ActiveModels(models map[string]*icp.Model) ([]*icp.Model, error) {
	var active []*icp.Model
	var wrong []strictyaml.Mistake
	for i, name := range p.Models {
		m, ok := models[name]
		switch {
		case !ok:
			names := slices.Sorted(maps.Keys(models))
			wrong = append(wrong, p.modelsAt[i].Mistake("no model is called %q%s; shipped and in SLUICE_MODEL_DIR: %s",
				name, strictyaml.DidYouMean(name, names), strings.Join(names, ", ")))
		case m.Subject != icp.SubjectCompany:
			wrong = append(wrong, p.modelsAt[i].Mistake("%s rates contacts; runs are of companies", m.ID()))
		case i > 0 && m.AppliesTo == nil:
			wrong = append(wrong, p.modelsAt[i].Mistake("%s is for everybody; say with `applies_to` whom it is for, or make it the `model`", m.ID()))
		default:
			active = append(active, m)
		}
	}
	if len(wrong) > 0 {
		return nil, strictyaml.Report(wrong...)
	}
	return active, p.checkQueues(active)
}

func (p Pipeline) checkQueues(active []*icp.Model) error {
	var ids, queues []string
	for _, m := range active {
		ids = append(ids, m.ID())
		for _, queue := range Queues(m) {
			if !slices.Contains(queues, queue) {
				queues = append(queues, queue)
			}
		}
	}
	var wrong []strictyaml.Mistake
	for queue := range p.Routes.Queues {
		if !slices.Contains(queues, queue) {
			wrong = append(wrong, p.queueAt[queue].Mistake("%s has no queue %q%s; its queues: %s",
				strings.Join(ids, ", "), queue, strictyaml.DidYouMean(queue, queues), strings.Join(queues, ", ")))
		}
	}
	return strictyaml.Report(wrong...) // in the order of the file
}

// ActiveContactModel returns the one of models that rates the people of an account, nil
// if none does.
func (p Pipeline) ActiveContactModel(models map[string]*icp.Model) (*icp.Model, error) {
	if p.ContactModel == "" {
		return nil, nil
	}
	m, ok := models[p.ContactModel]
	switch {
	case !ok:
		var names []string
		for _, name := range slices.Sorted(maps.Keys(models)) {
			if models[name].Subject == icp.SubjectContact {
				names = append(names, name)
			}
		}
		return nil, strictyaml.Report(p.contactAt.Mistake("no model is called %q%s; models for contacts, shipped and in SLUICE_MODEL_DIR: %s",
			p.ContactModel, strictyaml.DidYouMean(p.ContactModel, names), strings.Join(names, ", ")))
	case m.Subject != icp.SubjectContact:
		return nil, strictyaml.Report(p.contactAt.Mistake("%s rates companies; a model for contacts begins with `subject: contact`", m.ID()))
	}
	return m, nil
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
