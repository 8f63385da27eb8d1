package hubspot_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/crmtest"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	sandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

const (
	portal = "8100"
	token  = "pat-sandbox"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give sandbox.Options
	}{
		{name: "list of associations", give: sandbox.Options{}},
		{name: "associations in bulk only", give: sandbox.Options{BulkAssociations: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			crmtest.Run(t, func(t *testing.T) crmtest.Bench {
				s := newServer(t, tt.give)
				return crmtest.Bench{CRM: s.client(t, token), BadKey: s.client(t, "pat-wrong"), Server: s}
			})
		})
	}
}

// server is the sandbox behind its fault switch.
type server struct {
	*sandbox.CRM
	faults *fault.Switch
	url    string
}

func newServer(t *testing.T, o sandbox.Options) *server {
	t.Helper()
	o.Portal, o.Token = portal, token
	s := &server{CRM: sandbox.New(o), faults: fault.New(1)}
	h := httptest.NewServer(s.Behind(s.faults))
	t.Cleanup(func() {
		s.faults.Close()
		h.Close()
	})
	s.url = h.URL
	return s
}

func (s *server) client(t *testing.T, token string) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(hubspot.Config{
		BaseURL: s.url, Token: token, Portal: portal, Rate: 10_000, SearchRate: 10_000,
		Options: []outbound.Option{outbound.WithTimeout(5 * time.Second)},
	})
	require.NoError(t, err)
	return c
}

func (s *server) key(id string) account.Key {
	return account.Key{CRM: hubspot.Name, Portal: portal, ID: id}
}

// AddCompany implements crmtest.Server.
func (s *server) AddCompany(name, domain string, properties map[string]string) account.Key {
	return s.key(s.CRM.AddCompany(name, domain, properties))
}

// AddContact implements crmtest.Server.
func (s *server) AddContact(company account.Key, p crmtest.Person) string {
	properties := map[string]string{"jobtitle": p.Title, "hs_seniority": p.Stated.Level}
	if p.Stated.Level == "c-level" {
		properties["hs_seniority"] = "owner"
	}
	if p.Stated.Budget != nil {
		properties["hs_buying_role"] = map[bool]string{true: "CHAMPION;BUDGET_HOLDER", false: "END_USER"}[*p.Stated.Budget]
	}
	id, err := s.CRM.AddContact(company.ID, properties)
	if err != nil {
		panic(err)
	}
	return id
}

// ShareContact implements crmtest.Server.
func (s *server) ShareContact(id string, with account.Key) {
	if err := s.CRM.ShareContact(id, with.ID); err != nil {
		panic(err)
	}
}

// DenyContacts implements crmtest.Server.
func (s *server) DenyContacts() { s.CRM.DenyContacts(true) }

// AddDeal implements crmtest.Server.
func (s *server) AddDeal(d crmtest.Deal) string {
	id, err := s.CRM.AddDeal(d.Company.ID, asTyped(d))
	if err != nil {
		panic(err)
	}
	return id
}

// ChangeDeal implements crmtest.Server.
func (s *server) ChangeDeal(id string, d crmtest.Deal) {
	if err := s.CRM.ChangeDeal(id, asTyped(d)); err != nil {
		panic(err)
	}
}

// DeleteDeal implements crmtest.Server.
func (s *server) DeleteDeal(id string) { s.CRM.DeleteDeal(id) }

// DenyDeals implements crmtest.Server.
func (s *server) DenyDeals() { s.CRM.DenyDeals(true) }

func asTyped(d crmtest.Deal) sandbox.Deal {
	types := map[crm.DealKind]string{crm.NewDeal: "newbusiness", crm.ExistingDeal: "existingbusiness", crm.RenewalDeal: "renewal"}
	return sandbox.Deal{
		Name: "Deal with Jane Doe", Type: types[d.Kind], OpenedAt: d.OpenedAt, ClosedAt: d.ClosedAt, Expected: d.Expected, Won: d.Won,
		Amount: d.Amount, Changed: d.Changed,
	}
}

// AddOwner implements crmtest.Server.
func (s *server) AddOwner(id, email, first, last string, archived bool) {
	if archived {
		s.AddArchivedOwner(id, email, first, last)
		return
	}
	s.CRM.AddOwner(id, email, first, last)
}

// Engagement implements crmtest.Server.
func (s *server) Engagement(id string) (crmtest.Engagement, bool) {
	all := s.Snapshot()
	for _, n := range all.Notes {
		if n.ID == id {
			return crmtest.Engagement{CompanyID: n.CompanyID, HTML: n.Body, At: n.At}, true
		}
	}
	for _, task := range all.Tasks {
		if task.ID == id {
			return crmtest.Engagement{
				CompanyID: task.CompanyID, Subject: task.Subject, HTML: task.Body,
				Priority: strings.ToLower(task.Priority), OwnerID: task.OwnerID, At: task.Due,
			}, true
		}
	}
	return crmtest.Engagement{}, false
}

// CompleteTask implements crmtest.Server.
func (s *server) CompleteTask(id string) {
	if !s.CRM.CompleteTask(id) {
		panic("no task " + id)
	}
}

// Delete implements crmtest.Server.
func (s *server) Delete(id string) {
	if !s.RemoveNote(id) && !s.RemoveTask(id) {
		panic("no note or task " + id)
	}
}

// TypeIn implements crmtest.Server.
func (s *server) TypeIn(company account.Key, properties map[string]string) {
	if err := s.SetProperties(company.ID, properties); err != nil {
		panic(err)
	}
}

// Created implements crmtest.Server.
func (s *server) Created() int {
	l := s.Ledger()
	return l.Created("notes") + l.Created("tasks")
}

// Fail implements crmtest.Server.
func (s *server) Fail(f crmtest.Failure) {
	faults := map[crmtest.Failure]fault.Fault{
		crmtest.Healthy:     {},
		crmtest.LoseAnswers: {LostAnswerRate: 1},
		crmtest.Throttle:    {MaxPerSecond: 1, RetryAfterS: 2},
		crmtest.Down:        {Outage: true},
		crmtest.Hang:        {Hang: true},
	}
	if err := s.faults.Set(sandbox.Service, faults[f]); err != nil {
		panic(err)
	}
}
