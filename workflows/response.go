package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// SignalResponse answers the news of one account: the CRM learns what happened, the
// score is worked out anew, and the rep gets a task if fit and trigger ask for one. The
// signals that it is about are settled at its start; later ones are for the next.
func SignalResponse(ctx workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
	var brief activities.Brief
	if err := workflow.ExecuteActivity(crmCall(ctx, "read the news"), a.ReadNews, in).Get(ctx, &brief); err != nil {
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
		if err := workflow.ExecuteActivity(crmCall(ctx, "note"), a.TellNews, news).Get(ctx, nil); err != nil {
			return nil, err
		}
	}
	var score activities.ScoreResult
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, brief.Score).Get(ctx, &score); err != nil {
		return nil, err
	}
	var d activities.Decision
	decide := activities.DecideInput{TellNewsInput: news, Owner: score.Owner, Day: in.Day}
	if err := workflow.ExecuteActivity(crmCall(ctx, "task"), a.Decide, decide).Get(ctx, &d); err != nil {
		return nil, err
	}
	if written {
		apply := activities.ApplyInput{AccountID: in.AccountID, Key: brief.Key, NoTask: d.Prompted()}
		if err := workflow.ExecuteActivity(crmCall(ctx, "properties"), a.Apply, apply).Get(ctx, nil); err != nil {
			return nil, err
		}
	}
	return &d, nil
}

// decayed scores an account without news anew, since time alone may have changed its
// score, and brings that into the CRM.
func decayed(ctx workflow.Context, brief activities.Brief) (*activities.Decision, error) {
	err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, brief.Score).Get(ctx, nil)
	if err == nil && !brief.Key.IsZero() {
		apply := activities.ApplyInput{AccountID: brief.Score.AccountID, Key: brief.Key}
		err = workflow.ExecuteActivity(crmCall(ctx, "properties, note, task"), a.Apply, apply).Get(ctx, nil)
	}
	return &activities.Decision{Outcome: activities.Decayed}, err
}
