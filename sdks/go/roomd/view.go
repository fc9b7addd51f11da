package roomd

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	// roomsAtOnce is how many rooms a message may name.
	roomsAtOnce = 1000
	// roomIDCharacters is how long a room's id may be.
	roomIDCharacters = 256
	// roomFrameBytes are a room's tag and length in a message.
	roomFrameBytes = 8
)

// view is what a connection sees, on whatever stream.
type view struct {
	everywhere bool            // it sees all rooms of its channel, but not the named ones
	named      map[string]bool // the rooms that it sees; everywhere: those that it has left
}

// viewOf is what a connection sees that opens so.
func viewOf(open *roomdv1.Open) *view {
	made := &view{
		everywhere: len(open.GetRoomIds()) == 0 && !open.GetNoRooms(), named: map[string]bool{},
	}
	made.change(open.GetRoomIds(), true)
	return made
}

// change sees rooms, or sees them no more.
func (v *view) change(roomIDs []string, isSeen bool) {
	for _, one := range roomIDs {
		if isSeen != v.everywhere {
			v.named[one] = true
		} else {
			delete(v.named, one)
		}
	}
}

// beginning makes a new stream see it: an Open, and the rooms that this cannot name.
func (v *view) beginning(open *roomdv1.Open, maxBytes int) []*connectRequest {
	opening := clone(open)
	opening.RoomIds, opening.NoRooms = nil, false
	rest := inMessages(slices.Sorted(maps.Keys(v.named)), maxBytes-proto.Size(opening))
	if !v.everywhere {
		opening.NoRooms = len(rest) == 0 // no rooms at all would be all of them
		if len(rest) > 0 {
			opening.RoomIds, rest = rest[0], rest[1:]
		}
	}
	first := &connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Open{Open: opening}}
	return append([]*connectRequest{first}, changing(rest, !v.everywhere)...)
}

// changing is how a stream is told of rooms to see, or to see no more.
func changing(batches [][]string, isSeen bool) []*connectRequest {
	var made []*connectRequest
	for _, roomIDs := range batches {
		rooms := &roomdv1.SubscribeTo{RoomIds: roomIDs}
		request := &connectRequest{}
		if isSeen {
			request.Message = &roomdv1.ChannelServiceConnectRequest_Subscribe{Subscribe: rooms}
		} else {
			request.Message = &roomdv1.ChannelServiceConnectRequest_Unsubscribe{Unsubscribe: rooms}
		}
		made = append(made, request)
	}
	return made
}

// inMessages are rooms in lists that one message holds.
func inMessages(roomIDs []string, maxBytes int) [][]string {
	var made [][]string
	for chunk := range slices.Chunk(roomIDs, roomsAtOnce) {
		made = append(made, batches(chunk, roomSize, maxBytes)...)
	}
	return made
}

func roomSize(roomID string) int { return len(roomID) + roomFrameBytes }

// checkRooms refuses what is no room's id.
func checkRooms(roomIDs []string) error {
	for at, one := range roomIDs {
		if err := checkRoom(fmt.Sprintf("room_ids[%d]", at), one); err != nil {
			return err
		}
	}
	return nil
}

// checkRoom refuses what is no room's id, as the server would: but that ends the stream for it.
func checkRoom(field, roomID string) error {
	count := utf8.RuneCountInString(roomID)
	switch {
	case !utf8.ValidString(roomID):
		return invalidField(field, errors.New("is no UTF-8"))
	case count > roomIDCharacters:
		return invalidField(field, fmt.Errorf("has %d characters, at most %d", count, roomIDCharacters))
	case strings.Contains(roomID, "\x00"):
		return invalidField(field, errors.New("must not contain NUL"))
	}
	return nil
}
