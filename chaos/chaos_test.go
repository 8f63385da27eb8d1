package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestAPlanIsItsSeedsAndHasAKill(t *testing.T) {
	t.Parallel()
	byWork, byAction := map[string]int{}, map[Action]int{}
	for seed := range uint64(400) {
		p := Make(seed, "")
		require.Equal(t, p, Make(seed, ""))
		byWork[p.Work]++
		killed := false
		for _, f := range p.Faults {
			byAction[f.Do]++
			killed = killed || strings.HasPrefix(string(f.Do), "kill")
			require.Positive(t, f.When.Nth)
		}
		require.True(t, killed, p.String())
	}
	for _, name := range workNames {
		require.NotZero(t, byWork[name], name)
	}
	require.Greater(t, byWork["companies"]+byWork["night"], 200, "the bulk")
	for _, a := range append(kills, others...) {
		require.NotZero(t, byAction[a], a)
	}
}

func TestAStepIsMetAtItsTimeAndOnce(t *testing.T) {
	t.Parallel()
	var did []Action
	s := &steps{}
	s.arm([]Fault{
		{Do: KillWorker, When: Step{At: "apollo", Nth: 2}},
		{Do: ClockBack, When: Step{At: "apollo", Nth: 1, Answered: true}},
		{Do: KillTemporal, When: Step{At: "pdl", Nth: 1}},
	}, func(f Fault) { did = append(did, f.Do) })
	require.False(t, s.reach("apollo", false))
	require.Empty(t, did)
	require.True(t, s.waits("apollo"))
	require.False(t, s.reach("apollo", true), "a clock loses nothing")
	require.False(t, s.waits("apollo"))
	require.True(t, s.reach("apollo", false), "who asked is dead")
	require.False(t, s.reach("apollo", false))
	require.Equal(t, []Action{ClockBack, KillWorker}, did)
	met, missed := s.disarm()
	require.Len(t, met, 2)
	require.Equal(t, KillTemporal, missed[0].Do)
}

// echo is a server that answers each line with itself, and remembers the lines.
func echo(t *testing.T) (address string, heard *logBuffer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	heard = &logBuffer{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, io.TeeReader(c, heard)) }()
		}
	}()
	return l.Addr().String(), heard
}

func TestALinkIsCutStalledAndSlow(t *testing.T) {
	t.Parallel()
	address, heard := echo(t)
	k, err := openLink("test", address)
	require.NoError(t, err)
	t.Cleanup(k.close)
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", k.address())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c, bufio.NewReader(c)
	}
	say := func(c net.Conn, r *bufio.Reader, line string) (time.Duration, error) {
		began := time.Now()
		_, err := io.WriteString(c, line+"\n")
		require.NoError(t, err)
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = r.ReadString('\n')
		return time.Since(began), err
	}
	c, r := dial()
	_, err = say(c, r, "one")
	require.NoError(t, err)
	k.setLate(100 * time.Millisecond)
	took, err := say(c, r, "two")
	require.NoError(t, err)
	require.Greater(t, took, 200*time.Millisecond, "there and back")
	k.setLate(0)

	k.setStalled(true)
	_, err = io.WriteString(c, "three\n")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	time.Sleep(200 * time.Millisecond)
	k.setStalled(false)
	c, r = dial()
	_, err = say(c, r, "four")
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\nfour\n", heard.String(), "who hung up is not heard later")

	k.setCut(true)
	_, err = r.ReadString('\n')
	require.Error(t, err)
	refused, rr := dial()
	_, err = rr.ReadString('\n')
	require.Error(t, err)
	require.NoError(t, refused.Close())
	k.setCut(false)
	c, r = dial()
	_, err = say(c, r, "five")
	require.NoError(t, err)
}

func TestTheGateOfPostgresKnowsWhatIsWritten(t *testing.T) {
	t.Parallel()
	s := &steps{}
	var at []string
	s.arm([]Fault{
		{Do: ClockForward, When: Step{At: "postgres accounts", Nth: 1}},
		{Do: CutPostgres, When: Step{At: "postgres accounts", Nth: 2, Answered: true}},
	}, func(f Fault) { at = append(at, string(f.Do)) })
	direct := storetest.URL(t)
	u, err := url.Parse(direct)
	require.NoError(t, err)
	host := u.Host
	g, err := openPostgres(host, s)
	require.NoError(t, err)
	t.Cleanup(g.close)
	through, err := store.Open(t.Context(), strings.Replace(direct, host, g.address(), 1), store.WithMaxConns(1))
	require.NoError(t, err)
	t.Cleanup(through.Close)
	_, err = through.UpsertAccount(t.Context(), key("1"), "one.example", "")
	require.NoError(t, err)
	require.Equal(t, []string{"clock forward"}, at)
	_, err = through.UpsertAccount(t.Context(), key("2"), "two.example", "")
	require.Error(t, err, "it is committed, and its answer is lost")
	around, err := store.Open(t.Context(), direct)
	require.NoError(t, err)
	t.Cleanup(around.Close)
	there, err := around.AccountsByDomain(t.Context(), "two.example")
	require.NoError(t, err)
	require.Len(t, there, 1)
	require.Equal(t, []string{"accounts", "runs"}, written("INSERT INTO runs (a) SELECT 1; UPDATE accounts SET a = 1 -- ON CONFLICT DO UPDATE SET a\n"))
}

func key(id string) account.Key { return account.Key{CRM: "hubspot", Portal: "8100", ID: id} }

// books is a world of which there are only the books.
func books(t *testing.T) (*world, string) {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &world{sandbox: s, plan: Plan{Work: "companies"}, overwritten: map[string]bool{}}, server.URL
}

func send(t *testing.T, method, url, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer sandbox")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, string(b))
}

func TestWhatIsDoneTwiceIsSeen(t *testing.T) {
	t.Parallel()
	w, url := books(t)
	c := &company{Domain: "acme.example", ID: w.sandbox.CRM.AddCompany("Acme", "acme.example", nil)}
	note := `{"properties": {"hs_note_body": "<p>Why</p><p>sluice:hubspot/8100/` + c.ID + `/note/fit</p>", "hs_timestamp": "2026-11-21T10:00:00Z"},
		"associations": [{"to": {"id": "` + c.ID + `"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 190}]}]}`
	var v violations
	send(t, http.MethodPost, url+"/hubspot/crm/objects/2026-09/notes", note)
	send(t, http.MethodPatch, url+"/hubspot/crm/objects/2026-09/companies/"+c.ID, `{"properties": {"city": "Oslo"}}`)
	require.NoError(t, w.checkWrites(t.Context(), &v))
	require.Empty(t, v)
	send(t, http.MethodPost, url+"/hubspot/crm/objects/2026-09/notes", note)
	send(t, http.MethodPatch, url+"/hubspot/crm/objects/2026-09/companies/"+c.ID, `{"properties": {"city": "Oslo"}}`)
	require.NoError(t, w.checkWrites(t.Context(), &v))
	require.Len(t, v, 2)
	require.Contains(t, v[0], "/note/fit was created 2 times")
	require.Contains(t, v[1], "written twice with the same values: [city]")
}

func TestDecisionsOutOfTurnAndMissingTasksAreSeen(t *testing.T) {
	t.Parallel()
	w, url := books(t)
	for _, name := range []string{"icp_fit_score", "icp_tier"} {
		send(t, http.MethodPost, url+"/hubspot/crm/properties/2026-09/companies",
			`{"name": "`+name+`", "label": "`+name+`", "type": "string", "fieldType": "text", "groupName": "companyinformation"}`)
	}
	c := &company{Domain: "acme.example", ID: w.sandbox.CRM.AddCompany("Acme", "acme.example", nil)}
	row := func(value int, tier, owner string) store.ScoreRow {
		return store.ScoreRow{Score: icp.Score{Value: value, Tier: tier}, OwnerID: owner}
	}
	owner := func(id string) {
		send(t, http.MethodPatch, url+"/hubspot/crm/objects/2026-09/companies/"+c.ID, `{"properties": {"hubspot_owner_id": "`+id+`", "icp_fit_score": "10", "icp_tier": "Tier 3"}}`)
	}
	decisions := []store.ScoreRow{row(10, "Tier 3", "201"), row(10, "Tier 3", "202")}
	owner("201")
	var v violations
	w.checkOrder(c, decisions, &v)
	require.Equal(t, violations{"acme.example: 0 notes that explain the score"}, v)
	owner("202")
	owner("201")
	v = nil
	w.checkOrder(c, decisions, &v)
	require.Len(t, v, 1)
	require.Contains(t, v[0], "out of turn")
	v = nil
	w.checkOrder(&company{Domain: "bolt.example", ID: "1"}, []store.ScoreRow{row(80, "Tier 1", "201")}, &v)
	require.Equal(t, violations{"bolt.example: 0 notes that explain the score", "bolt.example: 0 tasks for Tier 1; it stands at Tier 1"}, v)
}

func TestSpendingOffTheBooksIsSeen(t *testing.T) {
	t.Parallel()
	w, url := books(t)
	w.direct = storetest.URL(t)
	var v violations
	require.NoError(t, w.checkSpending(t.Context(), &v))
	require.Empty(t, v)
	domain := ""
	for _, c := range w.sandbox.Table().Companies() {
		if _, ok := w.sandbox.Says(sandbox.Hunter, c.Domain); ok && domain == "" {
			domain = c.Domain
		}
	}
	send(t, http.MethodGet, url+"/hunter/v2/companies/find?api_key=sandbox&domain="+domain, "")
	require.NoError(t, w.checkSpending(t.Context(), &v))
	require.Contains(t, strings.Join(v, "\n"), "hunter saw 1 calls, and 0 were reserved")
}

func TestTheCommandLine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-help"}, 0, "-seed"},
		{[]string{"-show", "-plans", "1", "-seed", "17"}, 0, "seed 17: "},
		{[]string{"-show", "-short"}, 0, "kill postgres"},
		{[]string{"-plans", "0"}, 2, "want at least 1"},
		{[]string{"-work", "sleep"}, 2, "want one of companies, night"},
		{[]string{"17"}, 2, "unexpected argument"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, tt.status, run(ctx, tt.args, &out, &errs), tt.args)
		require.Contains(t, out.String()+errs.String(), tt.says)
	}
}
