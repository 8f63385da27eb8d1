package icp

import (
	"encoding/json"
	"maps"

	"github.com/sluicehq/sluice/account"
)

// shape is a JSON Schema of what may stand at a place.
type shape map[string]any

// The shapes of scalars, as strictyaml reads them.
var (
	line       = shape{"type": "string", "minLength": 1, "maxLength": 200}
	word       = shape{"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}
	roleWord   = shape{"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}
	field      = shape{"anyOf": []shape{{"enum": fieldNames()}, word}} // or a declared one
	boolean    = shape{"type": "boolean"}
	number     = shape{"anyOf": []shape{{"type": "number"}, {"type": "string", "pattern": "^[+-]?[0-9][0-9_]*(\\.[0-9]{1,6})?[kKmMbB]?$"}}}
	share      = shape{"type": "number", "minimum": 0, "maximum": 1}
	percent    = shape{"anyOf": []shape{{"type": "number", "exclusiveMinimum": 0, "maximum": 100}, {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,2})? ?%$"}}}
	change     = shape{"anyOf": []shape{{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3})? ?%$"}}}
	timeSpan   = shape{"type": "string", "pattern": "^[1-9][0-9]{0,4}[dh]$"}
	expression = shape{"type": "string", "minLength": 1, "maxLength": 200}
	points     = shape{"type": "integer", "minimum": -maxPoints, "maximum": maxPoints, "not": shape{"const": 0}}
	sides      = oneOf("high", "low")
)

func whole(low, high int) shape {
	return shape{"type": "integer", "minimum": low, "maximum": high}
}

func oneOf(options ...string) shape { return shape{"enum": options} }

func anyOf(shapes ...shape) shape { return shape{"anyOf": shapes} }

func listOf(item shape) shape { return shape{"type": "array", "items": item, "maxItems": maxItems} }

func someOf(item shape) shape {
	s := listOf(item)
	s["minItems"] = 1
	return s
}

func pairOf(item shape) shape {
	return shape{"type": "array", "items": item, "minItems": 2, "maxItems": 2}
}

// mapOf is a mapping whose keys are the file's own words.
func mapOf(entry shape) shape {
	return shape{"type": "object", "propertyNames": word, "additionalProperties": entry}
}

func fieldNames() []string {
	var names []string
	for _, f := range account.Fields() {
		names = append(names, string(f))
	}
	return names
}

// eitherKey adds to a mapping that it has just one of these keys.
func eitherKey(s shape, keys ...string) shape {
	var one []shape
	for _, key := range keys {
		one = append(one, shape{"required": []string{key}})
	}
	s["oneOf"] = one
	return s
}

// mapping is a mapping with these keys.
func mapping(k keys) shape {
	properties, required := shape{}, []string{}
	for _, key := range k {
		s := maps.Clone(key.holds)
		if key.says != "" {
			s["description"] = key.says
		}
		properties[key.name] = s
		if key.need {
			required = append(required, key.name)
		}
	}
	return shape{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// Schema returns the JSON Schema (draft 2020-12) of model files, for editors: they
// complete and check while one types. Parse checks more, such as whether a matcher
// suits its field.
func Schema() []byte {
	s := eitherKey(mapping(modelKeys), "tiers", "matrix")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Sluice ICP model"
	out, _ := json.MarshalIndent(s, "", "  ") // texts, numbers, lists and maps: it cannot fail
	return append(out, '\n')
}
