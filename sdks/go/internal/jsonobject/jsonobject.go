// Package jsonobject turns Go values into the protocol's free objects, by way of their JSON: so
// that structs, slices of any type and raw JSON do, which structpb alone does not take.
package jsonobject

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"
)

// Of turns what encoding/json writes as an object into a Struct; nil, also one in disguise (a nil
// map), stays nil.
func Of(value any) (*structpb.Struct, error) {
	if made, isMade := value.(*structpb.Struct); isMade {
		return made, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	switch {
	case string(text) == "null":
		return nil, nil
	case text[0] != '{':
		return nil, fmt.Errorf("%T is written as JSON that is no object", value)
	}
	made := &structpb.Struct{}
	return made, made.UnmarshalJSON(text)
}
