package roomd

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// mutable is what each trigger lets a hook change of an event.
var mutable = map[roomdv1.HookTrigger][]protoreflect.Name{
	roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_BROADCAST: {
		"content", "metadata", "visibility", "response_visibility", "addressed_to",
	},
	roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_DELIVER: {"content", "metadata"},
}

// Modify lets the event go on with changes, which are made to a copy:
//
//	return call.Modify(func(event *roomdv1.RoomEvent) { event.Content = roomd.Text("***") })
//
// Only what differs is changed, so that a hook changes nothing by accident. A change that the
// trigger does not take (anything but content and metadata, before a broadcast also visibility,
// response_visibility and addressed_to) is an error, ErrMaskNotMutable: returned from the hook it
// is its failure.
func (c *EventCall) Modify(change func(*roomdv1.RoomEvent)) (*Decision, error) {
	changed := proto.Clone(c.Event).(*roomdv1.RoomEvent)
	change(changed)
	allowed := mutable[c.Invocation.GetTrigger()]
	var paths, wrong []string
	for _, field := range differing(c.Event, changed) {
		if contains(allowed, field) {
			paths = append(paths, "event."+string(field))
		} else {
			wrong = append(wrong, string(field))
		}
	}
	wrong = append(wrong, reservedKeys(c.Event, changed)...)
	if len(wrong) > 0 {
		return nil, refusal(roomdv1.ErrorReason_ERROR_REASON_MASK_NOT_MUTABLE,
			"Modify changed "+strings.Join(wrong, ", ")+", which "+
				c.Invocation.GetTrigger().String()+" does not let change")
	}
	if len(paths) == 0 {
		return Allow(), nil
	}
	return &Decision{Action: &roomdv1.HookDecision_Modify{Modify: &roomdv1.Modify{
		Payload:    &roomdv1.HookPayload{Kind: &roomdv1.HookPayload_Event{Event: changed}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	}}}, nil
}

// differing names the fields in which two events differ.
func differing(before, after *roomdv1.RoomEvent) []protoreflect.Name {
	var names []protoreflect.Name
	old, changed := before.ProtoReflect(), after.ProtoReflect()
	fields := old.Descriptor().Fields()
	for at := range fields.Len() {
		field := fields.Get(at)
		same := old.Has(field) == changed.Has(field) &&
			(!old.Has(field) || old.Get(field).Equal(changed.Get(field)))
		if !same {
			names = append(names, field.Name())
		}
	}
	return names
}

// reservedKeys names changed metadata keys that are the server's own.
func reservedKeys(before, after *roomdv1.RoomEvent) []string {
	var wrong []string
	old := before.GetMetadata().GetFields()
	for key, value := range after.GetMetadata().GetFields() {
		if strings.HasPrefix(key, "_") && !proto.Equal(old[key], value) {
			wrong = append(wrong, "metadata."+key)
		}
	}
	return wrong
}

func contains(names []protoreflect.Name, wanted protoreflect.Name) bool {
	for _, name := range names {
		if name == wanted {
			return true
		}
	}
	return false
}
