package hubspot_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	sandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

var at = time.UnixMilli(1795219200000).UTC()

func company(id string) account.Key {
	return account.Key{CRM: hubspot.Name, Portal: "42", ID: id}
}

func TestDecodeEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		want       []hubspot.Event
	}{
		{name: "new form", give: creation, want: []hubspot.Event{
			{Key: "42/object.creation/0-2/512/100/1795219200000/", Company: company("512"), Kind: hubspot.Creation, OccurredAt: at},
		}},
		{
			name: "classic form", give: `[{"eventId":100,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"company.creation","attemptNumber":3,"objectId":512}]`,
			want: []hubspot.Event{{Key: "42/company.creation//512/100/1795219200000/", Company: company("512"), Kind: hubspot.Creation, OccurredAt: at}},
		},
		{
			name: "as the guides spell it, ids in quotes", give: `[{"eventId":"100","portalId":"42","occurredAt":"1795219200000","eventType":"company.deletion","objectId":"512"}]`,
			want: []hubspot.Event{{Key: "42/company.deletion//512/100/1795219200000/", Company: company("512"), Kind: hubspot.Deletion, OccurredAt: at}},
		},
		{
			name: "a property", give: `[{"eventId":101,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"object.propertyChange","objectTypeId":"0-2","objectId":512,"propertyName":"domain","propertyValue":"acme.example"}]`,
			want: []hubspot.Event{{Key: "42/object.propertyChange/0-2/512/101/1795219200000/domain", Company: company("512"), Kind: hubspot.Change, Property: "domain", OccurredAt: at}},
		},
		{
			name: "a merge into one of the two", give: `[{"eventId":1,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"company.merge","objectId":512,"primaryObjectId":512,"mergedObjectIds":[513],"numberOfPropertiesMoved":3}]`,
			want: []hubspot.Event{{Key: "42/company.merge//512/1/1795219200000/", Company: company("512"), Kind: hubspot.Merge, Merged: []account.Key{company("513")}, OccurredAt: at}},
		},
		{
			name: "a merge into a new record", give: `[{"eventId":1,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"object.merge","objectTypeId":"0-2","objectId":512,"primaryObjectId":512,"newObjectId":600,"mergedObjectIds":[513]}]`,
			want: []hubspot.Event{{Key: "42/object.merge/0-2/512/1/1795219200000/", Company: company("600"), Kind: hubspot.Merge, Merged: []account.Key{company("513"), company("512")}, OccurredAt: at}},
		},
		{
			name: "a restore", give: `[{"eventId":1,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"company.restore","objectId":512}]`,
			want: []hubspot.Event{{Key: "42/company.restore//512/1/1795219200000/", Company: company("512"), Kind: hubspot.Restore, OccurredAt: at}},
		},
		{
			name: "what is of no interest is kept to be ignored", give: `[{"subscriptionType":"contact.creation","objectId":"x"},{"subscriptionType":"object.creation","objectTypeId":"0-1"},{"subscriptionType":"company.associationChange"},{"subscriptionType":"event.completed"}]`,
			want: []hubspot.Event{{Key: "/contact.creation//x///"}, {Key: "/object.creation/0-1////"}, {Key: "/company.associationChange/////"}, {Key: "/event.completed/////"}},
		},
		{name: "none", give: `[]`, want: []hubspot.Event{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := hubspot.DecodeEvents([]byte(tt.give))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeEventsRefuses(t *testing.T) {
	t.Parallel()
	good := strings.Trim(creation, "[]")
	change := func(old, replacement string) string {
		return "[" + good + "," + strings.Replace(good, old, replacement, 1) + "]"
	}
	tests := []struct{ name, give, want string }{
		{name: "nothing", give: ``, want: "body: not a JSON array"},
		{name: "null", give: `null`, want: "body: not a JSON array"},
		{name: "one event that is not in an array", give: good, want: "body: not a JSON array"},
		{name: "half of a body", give: creation[:50], want: "body: not a JSON array"},
		{name: "something after the array", give: creation + "x", want: "body: not a JSON array"},
		{name: "too many", give: "[" + strings.Repeat("{},", 100) + "{}]", want: "body: 101 events"},
		{name: "an event that is no object", give: `[7]`, want: "[0]: not a JSON object"},
		{name: "an event that is null", give: `[null]`, want: "[0]: not a JSON object"},
		{name: "no type", give: `[{}]`, want: "[0].subscriptionType: missing"},
		{name: "a type that is no text", give: `[{"subscriptionType":7}]`, want: "[0].subscriptionType: not of the type"},
		{name: "no object", give: change(`"objectId":512`, `"x":1`), want: "[1].objectId: missing"},
		{name: "an object that is no number", give: change(`"objectId":512`, `"objectId":"../x"`), want: "[1].objectId: missing or not a number"},
		{name: "an object with a fraction", give: change(`"objectId":512`, `"objectId":5.12`), want: "[1].objectId"},
		{name: "an object that is a list", give: change(`"objectId":512`, `"objectId":[512]`), want: "[1].objectId"},
		{name: "a negative object", give: change(`"objectId":512`, `"objectId":-512`), want: "[1].objectId"},
		{name: "no portal", give: change(`"portalId":42`, `"x":1`), want: "[1].portalId: missing"},
		{name: "no time", give: change(`"occurredAt":1795219200000`, `"x":1`), want: "[1].occurredAt: missing"},
		{name: "a time that is none", give: change(`1795219200000`, `"yesterday"`), want: "[1].occurredAt"},
		{name: "a time beyond times", give: change(`1795219200000`, `9795219200000000`), want: "[1].occurredAt"},
		{name: "a change of nothing", give: change(`object.creation`, `object.propertyChange`), want: "[1].propertyName: missing"},
		{name: "a merge into nothing", give: strings.Replace(change(`"objectId":512`, `"newObjectId":"x"`), "creation", "merge", 2), want: "[1].newObjectId"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events, err := hubspot.DecodeEvents([]byte(tt.give))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, events, "all or nothing")
		})
	}
}

func TestKeyTellsDeliveriesOfOneEventFromEvents(t *testing.T) {
	t.Parallel()
	key := func(old, replacement string) string {
		events, err := hubspot.DecodeEvents([]byte(strings.Replace(creation, old, replacement, 1)))
		require.NoError(t, err)
		return events[0].Key
	}
	first := key("", "")
	require.Equal(t, first, key(`"attemptNumber":0`, `"attemptNumber":4`))
	for old, replacement := range map[string]string{
		`"eventId":100`: `"eventId":101`, `"objectId":512`: `"objectId":513`, `1795219200000`: `1795219200001`, `"portalId":42`: `"portalId":43`,
	} {
		require.NotEqual(t, first, key(old, replacement))
	}
}

func TestSandboxEventsDecode(t *testing.T) {
	t.Parallel()
	s := sandbox.New(sandbox.Options{Portal: "42"})
	events := append(s.Created("512", "519"), s.Changed("512", "domain", "acme.example").Classic(), s.Merged("512", "519"))
	r, err := s.Webhook(sandbox.Target{URL: target, Secret: secret}, events...)
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	got, err := hubspot.DecodeEvents(body)
	require.NoError(t, err)
	require.Equal(t, []hubspot.EventKind{hubspot.Creation, hubspot.Creation, hubspot.Change, hubspot.Merge},
		[]hubspot.EventKind{got[0].Kind, got[1].Kind, got[2].Kind, got[3].Kind})
	require.Equal(t, []account.Key{company("519")}, got[3].Merged)
}

func FuzzDecodeEvents(f *testing.F) {
	for _, seed := range []string{creation, `[]`, `[{"subscriptionType":"company.merge","objectId":"1","mergedObjectIds":[1,"2",null,{}]}]`, `[{"eventType":"company.creation","portalId":1e3}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := hubspot.DecodeEvents(body)
		if err != nil {
			require.ErrorIs(t, err, account.ErrInvalid)
			return
		}
		require.LessOrEqual(t, len(events), hubspot.MaxEvents)
		for _, e := range events {
			if e.Kind != "" {
				require.Regexp(t, `^hubspot/[0-9]{1,20}/[0-9]{1,20}$`, e.Company.String())
				require.False(t, e.OccurredAt.IsZero())
			}
		}
	})
}
