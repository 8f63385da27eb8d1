package seal

import (
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Client makes a client seal all that it sends: errors too, which Temporal would keep in
// plain text otherwise. In a worker, a workflow task may wait for a company's key without
// being taken for one that hangs.
func Client(o *client.Options, c Codec) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
	o.DataConverter, o.FailureConverter = data, newFailures(data)
	if c.tasks {
		o.DataConverter = workflow.DataConverterWithoutDeadlockDetection(data)
	}
}

// failures seals errors with the key of the workflow that they belong to, which
// Temporal's own converter does not ask for.
type failures struct {
	converter.FailureConverter
	data converter.DataConverter
}

var _ converter.FailureConverterWithSerializationContext = failures{}

func newFailures(data converter.DataConverter) failures {
	return failures{FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: data, EncodeCommonAttributes: true,
	}), data: data}
}

// WithSerializationContext implements [converter.FailureConverterWithSerializationContext].
func (f failures) WithSerializationContext(where converter.SerializationContext) converter.FailureConverter {
	return ofOne{failures: newFailures(converter.WithDataConverterSerializationContext(f.data, where)), alone: f}
}

// ofOne is of the workflow that its errors belong to.
type ofOne struct {
	failures
	alone failures // with the master key
}

// ErrorToFailure implements [converter.FailureConverter]. Temporal has no way to say that
// an error cannot be sealed: where the company's key cannot be had, the master key alone
// has to do.
func (f ofOne) ErrorToFailure(err error) (sealed *failurepb.Failure) {
	defer func() {
		if recover() != nil {
			sealed = f.alone.ErrorToFailure(err)
		}
	}()
	return f.failures.ErrorToFailure(err)
}
