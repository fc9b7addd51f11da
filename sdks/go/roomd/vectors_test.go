package roomd_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/roomd/roomd/sdks/go/roomd/v1" // registers the types
)

// The golden messages that every SDK keeps, byte for byte and as JSON.
const vectors = "../../../proto/vectors"

type vector struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	JSONIsWhole bool   `json:"json_is_whole"`
}

var deterministic = proto.MarshalOptions{Deterministic: true}

func TestGoldenMessagesAreKept(t *testing.T) {
	var index []vector
	if err := json.Unmarshal(contents(t, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index) < 40 {
		t.Fatalf("only %d vectors", len(index))
	}
	for _, one := range index {
		t.Run(one.Name, func(t *testing.T) { one.check(t) })
	}
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	read, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func (v vector) check(t *testing.T) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(v.Type))
	if err != nil {
		t.Fatal(err)
	}
	wire, text := contents(t, v.Name+".binpb"), contents(t, v.Name+".json")
	message := kind.New().Interface()
	if err := proto.Unmarshal(wire, message); err != nil {
		t.Fatal(err)
	}
	if again, err := deterministic.Marshal(message); err != nil || !sameFields(t, again, wire) {
		t.Errorf("other bytes: %x, not %x (%v)", again, wire, err)
	}
	written, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if got, wanted := parsed(t, written), parsed(t, text); !reflect.DeepEqual(got, wanted) {
		t.Errorf("other JSON: %v, not %v", got, wanted)
	}
	fromText := kind.New().Interface()
	if err := protojson.Unmarshal(text, fromText); err != nil {
		t.Fatal(err)
	}
	again, err := deterministic.Marshal(fromText)
	if err != nil || sameFields(t, again, wire) != v.JSONIsWhole {
		t.Errorf("from JSON: %x, of %x (%v)", again, wire, err)
	}
}

// sameFields compares messages field by field: Go writes the members of a oneof after all other
// fields, which is the same message in other bytes.
func sameFields(t *testing.T, one, other []byte) bool {
	t.Helper()
	return slices.EqualFunc(fieldsOf(t, one), fieldsOf(t, other), bytes.Equal)
}

// fieldsOf splits a message into its fields, by their bytes.
func fieldsOf(t *testing.T, message []byte) [][]byte {
	t.Helper()
	var fields [][]byte
	for len(message) > 0 {
		_, _, size := protowire.ConsumeField(message)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		fields = append(fields, message[:size])
		message = message[size:]
	}
	slices.SortStableFunc(fields, func(a, b []byte) int {
		first, _, _ := protowire.ConsumeTag(a)
		second, _, _ := protowire.ConsumeTag(b)
		return cmp.Compare(first, second) // repeated ones keep their order
	})
	return fields
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
