package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// SignalResponse answers the news of one account: the CRM learns what happened, the
// score is worked out anew, and the rep gets a task if fit and trigger ask for one. The
// signals that it is about are settled at its start; later ones are for the next.
//
// It waits for as long as the CRM refuses our key. Where the sweep has left it to itself
// by then, it sees to the digest that it decided on.
func SignalResponse(ctx workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
	began := workflow.Now(ctx)
	var brief activities.Brief
	if err := onceAllowed(ctx, "read the news", a.ReadNews, in, &brief); err != nil {
		return nil, err
	}
	switch {
	case len(brief.Signals) == 0 && in.Decay:
		return decayed(ctx, brief)
	case len(brief.Signals) == 0:
		return &activities.Decision{Outcome: "nothing"}, nil
	}
	news := activities.TellNewsInput{AccountID: in.AccountID, Key: brief.Key, Model: brief.Score.Model, Signals: brief.Signals}
	written := !brief.Key.IsZero()
	if written {
		if err := onceAllowed(ctx, "note", a.TellNews, news, nil); err != nil {
			return nil, err
		}
	}
	var score activities.ScoreResult
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, brief.Score).Get(ctx, &score); err != nil {
		return nil, err
	}
	var d activities.Decision
	decide := activities.DecideInput{TellNewsInput: news, Owner: score.Owner, Day: in.Day}
	if err := onceAllowed(ctx, "task", a.Decide, decide, &d); err != nil {
		return nil, err
	}
	if written {
		apply := activities.ApplyInput{AccountID: in.AccountID, Key: brief.Key, NoTask: d.Prompted()}
		if err := onceAllowed(ctx, "properties", a.Apply, apply, nil); err != nil {
			return nil, err
		}
	}
	if late := workflow.Now(ctx).Sub(began) >= crmPatience; late && d.Digested() {
		in := activities.DigestInput{Day: in.Day, Model: brief.Score.Model}
		return &d, onceAllowed(ctx, "digest", a.WriteDigests, in, nil)
	}
	return &d, nil
}

// decayed scores an account without news anew, since time alone may have changed its
// score, and brings that into the CRM.
func decayed(ctx workflow.Context, brief activities.Brief) (*activities.Decision, error) {
	err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, brief.Score).Get(ctx, nil)
	if err == nil && !brief.Key.IsZero() {
		apply := activities.ApplyInput{AccountID: brief.Score.AccountID, Key: brief.Key}
		err = onceAllowed(ctx, "properties, note, task", a.Apply, apply, nil)
	}
	return &activities.Decision{Outcome: activities.Decayed}, err
}

// onceAllowed makes a CRM call, again and again while the CRM refuses our key.
func onceAllowed(ctx workflow.Context, summary string, call, in, out any) error {
	return untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(crmCall(ctx, summary), call, in).Get(ctx, out)
	}, func() error {
		if err := workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(Waiting+credentials)); err != nil {
			return err
		}
		if err := await(ctx, credentials, credentialsWait, func() bool { return false }); err != nil {
			return err
		}
		return workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet("respond"))
	})
}
