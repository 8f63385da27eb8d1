package e2e

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

// What HubSpot lets an app do in any ten seconds, and the pace that sluice.yaml has for it.
const (
	hubspotPerTenSeconds = 190
	shippedPace          = "crm: {rate: 15, search_rate: 4}"
)

func TestContactsAreScoredOnceWithinTheLimitThatWorkersShare(t *testing.T) {
	companies := size(60, 200)
	w := newWorld(t, sandbox.Options{CRMCompanies: true, CRM: crmsandbox.Options{PerTenSeconds: hubspotPerTenSeconds}})
	paced := strings.Replace(pipeline, "crm: {rate: 1000, search_rate: 100}", shippedPace, 1)
	require.NotEqual(t, pipeline, paced)
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("paced.yaml", paced))
	w.startWorker()
	w.startWorker() // which would be too fast together
	domains := w.domains(companies)
	w.sandbox.Faults.ResetCounters()

	got := w.importAll(domains)
	require.Equal(t, companies, got.Completed)
	all := w.scoredContacts(domains)
	w.everyContactIsWrittenOnce(all)
	w.historiesHoldNobody(domains[:20], all)
	crm := w.sandbox.Faults.Counters()["hubspot"]
	require.Zero(t, crm.ByStatus["429"], "nothing was too fast")
	t.Logf("%d companies with %d contacts in %.1f s: %d calls to the CRM, %.1f each, %d a second at most",
		companies, len(all), float64(got.WallMS)/1000, crm.Requests, float64(crm.Requests)/float64(companies), crm.PeakPerSecond)

	var c explain.Company
	w.starter("company", "explain", w.mostContacts(domains), "--json").ok().json(&c)
	require.NotNil(t, c.Contacts)
	require.Len(t, w.sandbox.CRM.Contacts(c.CRM.ID), c.Contacts.Count)
	require.NotEmpty(t, c.Contacts.Best)
	require.NotEmpty(t, c.Contacts.Best[0].Level)
}

func TestContactsAreWrittenOnceUnderKill9AndLostAnswers(t *testing.T) {
	companies := size(60, 200)
	well := newWorld(t, sandbox.Options{CRMCompanies: true})
	first := well.startWorker()
	domains := well.domains(companies)
	require.Equal(t, companies, well.importAll(domains).Completed)
	first.kill()
	want := levels(well.scoredContacts(domains))

	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LostAnswerRate: 0.05}))
	worker := w.startWorker()
	done := make(chan imported, 1)
	go func() { done <- w.importAll(domains) }()
	for i := range 3 {
		part := companies * (i + 1) / 5
		w.eventuallyWithin(5*time.Minute, "some companies are through", func() bool { return w.scored() >= part })
		worker.kill()
		worker = w.startWorker()
	}
	require.Equal(t, companies, (<-done).Completed)
	all := w.scoredContacts(domains)
	w.everyContactIsWrittenOnce(all)
	require.Equal(t, want, levels(all), "the same as without kills")
	lost := 0
	for _, write := range w.sandbox.CRM.Ledger().Writes {
		if write.Object == "contacts" && write.AnswerLost {
			lost++
		}
	}
	require.NotZero(t, lost, "the fault met contacts too")
	t.Logf("%d contacts, the answer to %d writes was lost", len(all), lost)
}

func TestACRMKeyWithoutTheScopeForContactsFailsNoCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	w.sandbox.CRM.DenyContacts(true)
	worker := w.startWorker()
	domains := w.domains(5)
	require.Equal(t, 5, w.importAll(domains).Completed)
	require.Equal(t, 5, w.scored(), "the companies have their tier")
	require.Equal(t, 1, strings.Count(worker.log.String(), "Contacts are not scored in the CRM"), "said once")
	var status struct {
		Contacts struct{ Problem string }
	}
	id := "company/hubspot/8100/" + w.companyIDs(domains)[0]
	require.NoError(t, w.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), &status))
	require.Contains(t, status.Contacts.Problem, "scopes for contacts")
	again := w.starter("crm", "setup")
	require.Equal(t, 1, again.status)
	require.Contains(t, again.stderr, "crm.schemas.contacts.write")
}

// scoredContacts returns the contacts of the companies, and requires that each of them
// has its score, level, reason and model in the CRM.
func (w *world) scoredContacts(domains []string) []crmsandbox.Contact {
	w.t.Helper()
	var all []crmsandbox.Contact
	for i, id := range w.companyIDs(domains) {
		for _, contact := range w.sandbox.CRM.Contacts(id) {
			for _, property := range []string{crm.ContactScoreProperty, crm.ContactLevelProperty, crm.ContactReasonProperty, crm.ContactModelProperty} {
				require.NotEmpty(w.t, contact.Properties[property], "%s of contact %s of %s", property, contact.ID, domains[i])
			}
			all = append(all, contact)
		}
	}
	require.Greater(w.t, len(all), 2*len(domains), "there are contacts at all")
	return all
}

func (w *world) everyContactIsWrittenOnce(all []crmsandbox.Contact) {
	w.t.Helper()
	times := map[string]int{}
	for _, write := range w.sandbox.CRM.Ledger().Writes {
		if write.Object == "contacts" {
			times[write.ID]++
		}
	}
	for _, contact := range all {
		require.Equal(w.t, 1, times[contact.ID], "writes to contact %s of company %s", contact.ID, contact.CompanyID)
	}
	require.Len(w.t, times, len(all), "and to nobody else")
}

// levels is what became of each contact, by address.
func levels(all []crmsandbox.Contact) map[string]string {
	became := map[string]string{}
	for _, contact := range all {
		p := contact.Properties
		became[p["email"]] = p[crm.ContactLevelProperty] + " " + p[crm.ContactScoreProperty]
	}
	return became
}

// mostContacts is the domain whose company has the most contacts.
func (w *world) mostContacts(domains []string) string {
	most, best := -1, ""
	for i, id := range w.companyIDs(domains) {
		if n := len(w.sandbox.CRM.Contacts(id)); n > most {
			most, best = n, domains[i]
		}
	}
	return best
}

// historiesHoldNobody requires that the histories of the companies hold neither address,
// name nor title of any contact.
func (w *world) historiesHoldNobody(domains []string, all []crmsandbox.Contact) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for _, id := range w.companyIDs(domains) {
		for event := range w.events(ctx, "company/hubspot/8100/"+id) {
			wire, err := proto.Marshal(event)
			require.NoError(w.t, err)
			for _, contact := range all {
				for _, property := range []string{"email", "firstname", "jobtitle"} {
					text := cmp.Or(contact.Properties[property], "nothing that is there")
					require.False(w.t, property != "firstname" && bytes.Contains(wire, []byte(text)), "%s in the history of company %s", property, id)
					require.False(w.t, bytes.Contains(wire, []byte(text+" "+contact.Properties["lastname"])), "a name in the history of company %s", id)
				}
			}
		}
	}
}
