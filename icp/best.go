package icp

import (
	"cmp"
	"slices"
	"time"
)

// Rated is what one model makes of an account.
type Rated struct {
	Model *Model
	Score Score
}

// Choice is what several models make of an account: the one that it gets, the
// runner-up, and how far apart they are.
type Choice struct {
	Best     Rated
	RunnerUp *Rated // nil if only one model is for the account
	// Margin is how much further up its scale the best score is, in per cent of the
	// scale, rounded half up; 0 without a runner-up.
	Margin int
}

// Best rates an account by every model that is for it, as [Model.Applies] knows, and
// chooses the one whose score is highest up its scale, of equals the first by name.
// Is none for it, the first of the models that has no applies_to rates it; false if
// there is no such model either. Models of contacts are passed over.
func Best(models []*Model, sub Subject, at time.Time) (Choice, bool) {
	var rated []Rated
	var general *Model
	for _, m := range models {
		if m.Subject != SubjectCompany {
			continue
		}
		if m.AppliesTo == nil {
			general = cmp.Or(general, m)
			continue
		}
		if applies, known := m.Applies(sub.Facts); applies && known {
			rated = append(rated, Rated{m, m.Rate(sub, at)})
		}
	}
	if len(rated) == 0 {
		if general == nil {
			return Choice{}, false
		}
		return Choice{Best: Rated{general, general.Rate(sub, at)}}, true
	}
	slices.SortStableFunc(rated, func(a, b Rated) int {
		return cmp.Or(-comparePlaces(a, b), cmp.Compare(a.Model.Name, b.Model.Name))
	})
	choice := Choice{Best: rated[0]}
	if len(rated) > 1 {
		choice.RunnerUp = &rated[1]
		choice.Margin = margin(rated[0], rated[1])
	}
	return choice, true
}

// place returns how far up its scale a score is, as a fraction.
func (r Rated) place() (up, span int) {
	return r.Score.Value - r.Model.Scale.Min, r.Model.Scale.Max - r.Model.Scale.Min
}

func comparePlaces(a, b Rated) int {
	up, span := a.place()
	otherUp, otherSpan := b.place()
	return cmp.Compare(up*otherSpan, otherUp*span)
}

// margin rounds 100·(a−b) half up, exactly.
func margin(a, b Rated) int {
	up, span := a.place()
	otherUp, otherSpan := b.place()
	both := span * otherSpan
	return (200*(up*otherSpan-otherUp*span) + both) / (2 * both)
}
