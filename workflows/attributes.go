package workflows

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
)

// The search attributes of a company's run. They are never encrypted: ids and
// words of the model, no names of persons.
var (
	DomainAttribute      = temporal.NewSearchAttributeKeyKeyword("SluiceDomain")
	CRMAttribute         = temporal.NewSearchAttributeKeyKeyword("SluiceCRM")
	StageAttribute       = temporal.NewSearchAttributeKeyKeyword("SluiceStage")
	TierAttribute        = temporal.NewSearchAttributeKeyKeyword("SluiceTier")
	QueueAttribute       = temporal.NewSearchAttributeKeyKeyword("SluiceQueue")
	OwnerAttribute       = temporal.NewSearchAttributeKeyKeyword("SluiceOwner")
	ModelAttribute       = temporal.NewSearchAttributeKeyKeyword("SluiceModel")
	ScoreAttribute       = temporal.NewSearchAttributeKeyInt64("SluiceScore")
	ProvisionalAttribute = temporal.NewSearchAttributeKeyBool("SluiceProvisional")
	ProvidersAttribute   = temporal.NewSearchAttributeKeyKeywordList("SluiceProviders")
)

// Waiting begins the stage of a run that has done what it can and waits.
const Waiting = "waiting: "

// CompanyAttributes are the search attributes that a company's run begins with.
func CompanyAttributes(key account.Key, domain string) temporal.SearchAttributes {
	attributes := []temporal.SearchAttributeUpdate{CRMAttribute.ValueSet(cmp.Or(key.CRM, "none")), StageAttribute.ValueSet("accepted")}
	if domain != "" {
		attributes = append(attributes, DomainAttribute.ValueSet(domain))
	}
	return temporal.NewSearchAttributes(attributes...)
}

func searchAttributes() map[string]enumspb.IndexedValueType {
	types := map[string]enumspb.IndexedValueType{}
	for _, k := range []temporal.SearchAttributeKey{
		DomainAttribute, CRMAttribute, StageAttribute, TierAttribute, QueueAttribute, OwnerAttribute,
		ModelAttribute, ScoreAttribute, ProvisionalAttribute, ProvidersAttribute,
	} {
		types[k.GetName()] = k.GetValueType()
	}
	return types
}

// EnsureSearchAttributes registers what is missing; every worker does so when it
// starts.
func EnsureSearchAttributes(ctx context.Context, op operatorservice.OperatorServiceClient, namespace string) error {
	missing, err := MissingSearchAttributes(ctx, op, namespace)
	if err != nil || len(missing) == 0 {
		return err
	}
	_, err = op.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if err != nil {
		return fmt.Errorf("add search attributes to %s: %w", namespace, err)
	}
	return nil
}

// MissingSearchAttributes returns those that are not registered. One of another type is
// an error: Temporal itself would accept it without a word and then block the runs that
// set it.
func MissingSearchAttributes(ctx context.Context, op operatorservice.OperatorServiceClient, namespace string) (map[string]enumspb.IndexedValueType, error) {
	have, err := op.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list search attributes of %s: %w", namespace, err)
	}
	want := searchAttributes()
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch got, ok := have.CustomAttributes[name]; {
		case !ok:
			missing[name] = want[name]
		case got != want[name]:
			return nil, fmt.Errorf("search attribute %s is %s, must be %s: remove it with `temporal operator search-attribute remove --name %s`",
				name, got, want[name], name)
		}
	}
	return missing, nil
}
