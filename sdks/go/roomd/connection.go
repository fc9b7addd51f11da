package roomd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	incomingItems = 1024
	// rememberedDeliveries that were handled: one whose acknowledgement came late comes again.
	rememberedDeliveries = 1024
	acknowledgedAtOnce   = 1000
)

type (
	connectRequest  = roomdv1.ChannelServiceConnectRequest
	connectResponse = roomdv1.ChannelServiceConnectResponse
)

// Incoming is one thing that a live connection brings: an event or something fleeting.
type Incoming struct {
	// Event of one of the connection's rooms, its content made fit for the channel.
	Event *roomdv1.RoomEvent
	// Ephemeral is typing, presence, a receipt, or part of an answer while it is written.
	Ephemeral *roomdv1.EphemeralEvent
	// Dropped is how many fleeting things were left out because this side was slow.
	Dropped int64

	deliveryID string
}

// Connection is a live client of a channel: it sends messages and receives the events of the
// channel's rooms. A lost connection is dialled again for ever; what was not acknowledged comes
// again, what was being sent is sent again under the same key. All of it is safe for concurrent
// use.
type Connection struct {
	client   *Client
	ctx      context.Context
	end      context.CancelCauseFunc
	incoming chan *Incoming
	opened   chan struct{}

	lastSendID atomic.Int64

	mu           sync.Mutex
	open         *roomdv1.Open
	sees         *view
	isOpen       bool
	hasOpened    bool
	bell         chan struct{}
	control      []*connectRequest
	acknowledged []string
	sends        []*pendingSend  // in order; those without a result
	maxBytes     int             // of what a message may hold, as the server said last
	known        map[string]bool // deliveries: true once handled
	handled      []string        // the handled ones, oldest first
}

// Connect opens a live connection of a channel, and returns once it is open. Options set the
// rooms to see, who is behind it, and whether fleeting things are shown:
//
//	connection, err := client.Connect(ctx, "ws-alice", func(open *roomdv1.Open) {
//		open.ParticipantId, open.Ephemeral = "alice", true
//	})
//
// Without rooms it sees all that the channel is attached to. The context is for opening; Close
// ends the connection.
func (c *Client) Connect(
	ctx context.Context, channelID string, more ...func(*roomdv1.Open),
) (*Connection, error) {
	made := &Connection{
		client:   c,
		incoming: make(chan *Incoming, incomingItems),
		opened:   make(chan struct{}),
		bell:     make(chan struct{}, 1),
		known:    map[string]bool{},
		maxBytes: roomIn(defaultMaxMessageBytes),
		open: with(&roomdv1.Open{
			ChannelId: channelID, ConnectionId: rand.Text(), Acknowledges: true,
		}, more),
	}
	if err := checkRooms(made.open.GetRoomIds()); err != nil {
		return nil, err
	}
	made.sees = viewOf(made.open)
	made.ctx, made.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go made.stay()
	select {
	case <-made.opened:
		return made, nil
	case <-made.ctx.Done():
		return nil, made.why()
	case <-ctx.Done():
		made.end(nil)
		return nil, errorOf(ctx.Err())
	}
}

// ID is the connection's id, the same over all its streams.
func (c *Connection) ID() string { return c.open.GetConnectionId() }

// Close hangs up.
func (c *Connection) Close() { c.end(nil) }

// why is the error of a connection that has ended.
func (c *Connection) why() error {
	var refused *Error
	if errors.As(context.Cause(c.ctx), &refused) {
		return refused
	}
	return errorOf(context.Canceled)
}

// Receive brings what comes in. An event is acknowledged when the loop's body has run for it;
// one that was not comes again. A loop must be running as long as the connection is open: with
// 1,024 things waiting, the connection stands still. It ends with the loop, or with one error.
func (c *Connection) Receive(ctx context.Context) iter.Seq2[*Incoming, error] {
	return func(yield func(*Incoming, error) bool) {
		for {
			select {
			case one := <-c.incoming:
				goesOn := yield(one, nil)
				c.acknowledge(one.deliveryID)
				if !goesOn {
					return
				}
			case <-c.ctx.Done():
				yield(nil, c.why())
				return
			case <-ctx.Done():
				yield(nil, errorOf(ctx.Err()))
				return
			}
		}
	}
}

// Signal tells something fleeting: typing, presence, a receipt, a reaction. It is lost while the
// connection is. The error is that of a signal that no message can hold, or that is for no room.
func (c *Connection) Signal(
	roomID string, what roomdv1.EphemeralType, data *structpb.Struct,
) error {
	if err := checkRoom("room_id", roomID); err != nil {
		return err
	}
	if roomID == "" {
		return invalidField("room_id", errors.New("is required"))
	}
	if what == roomdv1.EphemeralType_EPHEMERAL_TYPE_UNSPECIFIED {
		return invalidField("type", errors.New("is required"))
	}
	signal := &roomdv1.Signal{RoomId: roomID, Type: what, Data: data}
	return c.tell(&connectRequest{
		Message: &roomdv1.ChannelServiceConnectRequest_Signal{Signal: signal},
	})
}

// Join sees more rooms, from now on also after a reconnect. The error is that of an id that no
// room can have (ErrValidation): nothing was joined.
func (c *Connection) Join(roomIDs ...string) error { return c.change(roomIDs, true) }

// Leave sees fewer rooms, from now on also after a reconnect, and none at all once the last was
// left. The error is that of an id that no room can have (ErrValidation): nothing was left.
func (c *Connection) Leave(roomIDs ...string) error { return c.change(roomIDs, false) }

func (c *Connection) change(roomIDs []string, isSeen bool) error {
	if err := checkRooms(roomIDs); err != nil {
		return err
	}
	named := slices.Clone(roomIDs) // it leaves later, and the caller's may have changed by then
	c.mu.Lock()
	c.sees.change(named, isSeen)
	// Also when no stream is open yet: one that has begun was told what was seen before.
	c.control = append(c.control, changing(inMessages(named, c.maxBytes), isSeen)...)
	c.mu.Unlock()
	c.ring()
	return nil
}

// ---------------------------------------------------------------- the stream

func (c *Connection) stay() {
	dialling := redial{policy: c.client.reconnect}
	for c.ctx.Err() == nil {
		began := time.Now()
		told, err := c.serve()
		if c.ctx.Err() != nil {
			return
		}
		if failed := errorOf(err); failed != nil {
			if refusals[failed.Code] || failed.Code == codes.NotFound {
				c.end(failed)
				return
			}
			if errors.Is(failed, ErrMessageTooLarge) {
				c.failLargest(failed)
			}
			c.client.logger.Warn("a connection was lost; dialling again",
				"connection", c.ID(), "error", failed)
		}
		wait := dialling.wish(told, began)
		sleep(c.ctx, wait)
	}
}

// serve runs one stream; how long the server asks to wait before the next.
func (c *Connection) serve() (time.Duration, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	var writing sync.WaitGroup // one that outlived its stream would take what the next must send
	defer writing.Wait()
	defer cancel()
	beginning := c.beginning()
	if _, err := c.sizeOf(beginning[0]); err != nil {
		c.end(err) // no stream will ever take it
		return noWish, err
	}
	stream, err := c.client.Channels.Connect(ctx)
	if err != nil {
		return noWish, err
	}
	for _, request := range beginning {
		if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) {
			return noWish, err
		}
	}
	wish := noWish
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return wish, nil
		}
		if err != nil {
			return wish, err
		}
		switch message := response.GetMessage().(type) {
		case *roomdv1.ChannelServiceConnectResponse_Opened:
			c.began(message.Opened)
			writing.Go(func() { c.write(ctx, stream) })
		case *roomdv1.ChannelServiceConnectResponse_Batch:
			c.take(message.Batch)
		case *roomdv1.ChannelServiceConnectResponse_Closing:
			wish = time.Duration(mathrand.Float64() *
				float64(message.Closing.GetReconnectJitter().AsDuration()))
		}
	}
}

// beginning is what makes a stream see what the one before it saw; nothing else was sent on it yet.
func (c *Connection) beginning() []*connectRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isOpen = false
	c.control = nil
	for _, one := range c.sends {
		one.leftIn = 0
	}
	return c.sees.beginning(c.open, c.maxBytes)
}

func (c *Connection) began(opened *roomdv1.Opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isOpen = true
	c.maxBytes = roomIn(cmp.Or(opened.GetMaxMessageBytes(), defaultMaxMessageBytes))
	c.failTooLarge()
	if !c.hasOpened {
		c.hasOpened = true
		close(c.opened)
	}
	c.ring()
}

// write sends what is there, everything together.
func (c *Connection) write(
	ctx context.Context, stream grpc.BidiStreamingClient[connectRequest, connectResponse],
) {
	for {
		for _, request := range c.due() {
			if stream.Send(request) != nil {
				return // the reader is told why
			}
		}
		select {
		case <-c.bell:
		case <-ctx.Done():
			return
		}
	}
}

func (c *Connection) due() []*connectRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.control
	c.control = nil
	for chunk := range slices.Chunk(c.acknowledged, acknowledgedAtOnce) {
		done := &roomdv1.Acknowledge{DeliveryIds: chunk}
		due = append(due, &connectRequest{
			Message: &roomdv1.ChannelServiceConnectRequest_Acknowledge{Acknowledge: done},
		})
	}
	c.acknowledged = nil
	return append(due, c.dueSends()...)
}

func (c *Connection) take(batch *roomdv1.Batch) {
	c.settle(batch.GetResults())
	for _, ephemeral := range batch.GetEphemerals() {
		c.bring(&Incoming{Ephemeral: ephemeral})
	}
	if dropped := batch.GetDroppedEphemerals(); dropped > 0 {
		c.bring(&Incoming{Dropped: dropped})
	}
	for _, delivery := range batch.GetDeliveries() {
		if c.isNew(delivery.GetDeliveryId()) {
			c.bring(&Incoming{Event: delivery.GetEvent(), deliveryID: delivery.GetDeliveryId()})
		}
	}
}

func (c *Connection) bring(one *Incoming) {
	select {
	case c.incoming <- one:
	case <-c.ctx.Done():
	}
}

// ---------------------------------------------------------------- what is known

// isNew notes a delivery that is offered; one that was handled is acknowledged once more.
func (c *Connection) isNew(deliveryID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	isHandled, isKnown := c.known[deliveryID]
	if isHandled {
		c.acknowledged = append(c.acknowledged, deliveryID)
		c.ring()
	}
	if !isKnown {
		c.known[deliveryID] = false
	}
	return !isKnown
}

func (c *Connection) acknowledge(deliveryID string) {
	if deliveryID == "" || !c.open.GetAcknowledges() {
		return
	}
	c.mu.Lock()
	c.known[deliveryID] = true
	c.handled = append(c.handled, deliveryID)
	if len(c.handled) > rememberedDeliveries {
		delete(c.known, c.handled[0])
		c.handled = c.handled[1:]
	}
	c.acknowledged = append(c.acknowledged, deliveryID)
	c.mu.Unlock()
	c.ring()
}

// tell sends a control message on the stream of now; without one it is lost. One that no message
// can hold would end the stream.
func (c *Connection) tell(request *connectRequest) error {
	if _, err := c.sizeOf(request); err != nil {
		return err
	}
	c.mu.Lock()
	if c.isOpen {
		c.control = append(c.control, request)
	}
	c.mu.Unlock()
	c.ring()
	return nil
}

func (c *Connection) ring() {
	select {
	case c.bell <- struct{}{}:
	default: // it rings already
	}
}
