package roomd

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	defaultHeartbeat = 15 * time.Second
	// silentHeartbeats: a stream that says nothing for so many is lost.
	silentHeartbeats = 3
)

// Item is one thing that happened in a room. Its Cursor, where it has one, is what a later
// subscription starts from to miss nothing and see nothing twice.
type Item = roomdv1.StreamItem

// Subscription says what to watch; options of Subscribe change it.
type Subscription = roomdv1.SubscribeRoomsRequest

// FromCursor starts after the item that had this cursor.
func FromCursor(cursor string) func(*Subscription) {
	return func(s *Subscription) {
		for _, room := range s.GetRooms() {
			room.Start = &roomdv1.RoomStart_Cursor{Cursor: cursor}
		}
	}
}

// AfterIndex starts with the events of a greater index; -1 is the beginning.
func AfterIndex(index int64) func(*Subscription) {
	return func(s *Subscription) {
		for _, room := range s.GetRooms() {
			room.Start = &roomdv1.RoomStart_AfterIndex{AfterIndex: index}
		}
	}
}

// Ephemeral also shows typing, presence, receipts and answers while they are written.
func Ephemeral() func(*Subscription) { return func(s *Subscription) { s.Ephemeral = true } }

// Subscribe watches the room, from now on unless an option says otherwise. It misses nothing: a
// lost stream is dialled again for ever and goes on after the last item, and so is one that was
// closed because the loop was slow. It ends when the loop does, when the room is deleted, or with
// one error: the context's, or one that dialling again would not mend (ErrRoomNotFound, or
// ErrHistoryTruncated when what comes next is not kept any more).
func (r *Room) Subscribe(ctx context.Context, more ...func(*Subscription)) iter.Seq2[*Item, error] {
	return r.client.Subscribe(ctx, []*roomdv1.RoomStart{{RoomId: r.id}}, more...)
}

// Subscribe watches up to 1000 rooms as Room.Subscribe does one. The first item of each room is
// Subscribed.
func (c *Client) Subscribe(
	ctx context.Context, rooms []*roomdv1.RoomStart, more ...func(*Subscription),
) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watch := &watcher{
			client: c,
			starts: map[string]*roomdv1.RoomStart{},
			redial: redial{policy: c.reconnect},
			yield:  yield,
		}
		watch.request = with(&Subscription{Rooms: cloned(rooms)}, more)
		for _, start := range watch.request.GetRooms() {
			watch.starts[start.GetRoomId()] = start
		}
		watch.run(ctx)
	}
}

func cloned(rooms []*roomdv1.RoomStart) []*roomdv1.RoomStart {
	made := make([]*roomdv1.RoomStart, len(rooms))
	for at, room := range rooms {
		made[at] = clone(room)
	}
	return made
}

// watcher keeps one subscription over all its streams.
type watcher struct {
	client  *Client
	request *Subscription
	starts  map[string]*roomdv1.RoomStart // where each room goes on
	seen    map[string]bool               // rooms whose Subscribed was shown
	redial  redial
	yield   func(*Item, error) bool
	ended   bool // the loop
}

func (w *watcher) run(ctx context.Context) {
	w.seen = map[string]bool{}
	for {
		began := time.Now()
		told, err := w.read(ctx)
		if w.ended || len(w.starts) == 0 {
			return
		}
		if failed := errorOf(err); failed != nil && !mends(failed) {
			w.yield(nil, failed)
			return
		}
		wait := w.redial.wish(told, began)
		if !sleep(ctx, wait) {
			w.yield(nil, errorOf(ctx.Err()))
			return
		}
	}
}

// mends reports whether dialling again helps.
func mends(err *Error) bool {
	return err.Code == codes.Unavailable || err.Code == codes.Unknown || err.Code == codes.Internal ||
		err.Reason == ErrSlowConsumer
}

// read shows what one stream brings; how long the server asks to wait before the next.
func (w *watcher) read(ctx context.Context) (time.Duration, error) {
	streaming, end := context.WithCancelCause(ctx)
	defer end(nil)
	w.request.Rooms = slices.Collect(maps.Values(w.starts))
	stream, err := w.client.Rooms.SubscribeRooms(streaming, w.request)
	if err != nil {
		return noWish, err
	}
	silence := silentHeartbeats * defaultHeartbeat
	if beat := w.request.GetHeartbeat(); beat != nil {
		silence = silentHeartbeats * beat.AsDuration()
	}
	alarm := time.AfterFunc(silence, func() { end(errSilent) })
	defer alarm.Stop()
	wish := noWish
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return wish, nil
		}
		if err != nil {
			if cause := context.Cause(streaming); errors.Is(cause, errSilent) {
				err = cause
			}
			return wish, err
		}
		// While the loop works it is not the server that is silent.
		alarm.Stop()
		for _, item := range response.GetItems() {
			if told := w.take(item); told != noWish {
				wish = told
			}
			if w.ended || len(w.starts) == 0 {
				return wish, nil
			}
		}
		alarm.Reset(silence)
	}
}

// take shows an item and remembers where it was.
func (w *watcher) take(item *Item) time.Duration {
	switch kind := item.GetItem().(type) {
	case *roomdv1.StreamItem_Heartbeat_:
		return noWish
	case *roomdv1.StreamItem_Ending:
		if kind.Ending.GetReason() == "ROOM_DELETED" {
			delete(w.starts, item.GetRoomId())
			return noWish
		}
		return time.Duration(rand.Float64() * float64(kind.Ending.GetReconnectJitter().AsDuration()))
	case *roomdv1.StreamItem_Subscribed_:
		if w.seen[item.GetRoomId()] {
			w.remember(item)
			return noWish // it goes on where it was: nothing to tell
		}
		w.seen[item.GetRoomId()] = true
	}
	if !w.yield(item, nil) {
		w.ended = true
		return noWish
	}
	w.remember(item)
	return noWish
}

func (w *watcher) remember(item *Item) {
	if item.GetCursor() != "" && w.starts[item.GetRoomId()] != nil {
		w.starts[item.GetRoomId()].Start = &roomdv1.RoomStart_Cursor{Cursor: item.GetCursor()}
	}
}
