package roomd

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	mathrand "math/rand/v2"
	"slices"
	"sync"
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

	mu           sync.Mutex
	open         *roomdv1.Open
	isOpen       bool
	hasOpened    bool
	bell         chan struct{}
	control      []*connectRequest
	acknowledged []string
	sends        []*pendingSend // in order; those without a result
	lastSendID   int64
	known        map[string]bool // deliveries: true once handled
	handled      []string        // the handled ones, oldest first
}

// pendingSend is a message whose result has not come.
type pendingSend struct {
	item   *roomdv1.SendItem
	isSent bool // on the stream of now
	result chan *roomdv1.SendResult
}

// Connect opens a live connection of a channel, and returns once it is open. Options set the
// rooms to see, who is behind it, and whether fleeting things are shown:
//
//	connection, err := client.Connect(ctx, "ws-alice", func(open *roomdv1.Open) {
//		open.ParticipantId, open.Ephemeral = "alice", true
//	})
//
// The context is for opening; Close ends the connection.
func (c *Client) Connect(
	ctx context.Context, channelID string, more ...func(*roomdv1.Open),
) (*Connection, error) {
	made := &Connection{
		client:   c,
		incoming: make(chan *Incoming, incomingItems),
		opened:   make(chan struct{}),
		bell:     make(chan struct{}, 1),
		known:    map[string]bool{},
		open: with(&roomdv1.Open{
			ChannelId: channelID, ConnectionId: rand.Text(), Acknowledges: true,
		}, more),
	}
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

// Send sends a message and waits for what becomes of it. It takes effect once, also when the
// connection is lost meanwhile.
func (c *Connection) Send(
	ctx context.Context, roomID string, content *roomdv1.Content, more ...func(*roomdv1.SendItem),
) (*roomdv1.SendResult, error) {
	item := with(&roomdv1.SendItem{
		RoomId: roomID, Content: content, IdempotencyKey: rand.Text(),
	}, more)
	retrying := redial{policy: c.client.reconnect}
	for {
		result, err := c.sendOnce(ctx, item)
		if err != nil {
			return nil, err
		}
		failed := errorOfStatus(result.GetStatus())
		if failed == nil {
			return result, nil
		}
		if failed.Code != codes.Unavailable || !sleep(ctx, retrying.wait(time.Time{})) {
			return nil, failed
		}
	}
}

func (c *Connection) sendOnce(
	ctx context.Context, item *roomdv1.SendItem,
) (*roomdv1.SendResult, error) {
	made := &pendingSend{item: item, result: make(chan *roomdv1.SendResult, 1)}
	c.mu.Lock()
	c.lastSendID++
	made.item = clone(item)
	made.item.SendId = c.lastSendID
	c.sends = append(c.sends, made)
	c.mu.Unlock()
	c.ring()
	defer c.forget(made)
	select {
	case result := <-made.result:
		return result, nil
	case <-c.ctx.Done():
		return nil, c.why()
	case <-ctx.Done():
		return nil, errorOf(ctx.Err())
	}
}

// Signal tells something fleeting: typing, presence, a receipt, a reaction. It is lost while the
// connection is.
func (c *Connection) Signal(
	roomID string, what roomdv1.EphemeralType, data *structpb.Struct,
) {
	signal := &roomdv1.Signal{RoomId: roomID, Type: what, Data: data}
	c.tell(&connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Signal{Signal: signal}})
}

// Join sees more rooms, from now on also after a reconnect.
func (c *Connection) Join(roomIDs ...string) {
	c.mu.Lock()
	c.open.RoomIds = append(c.open.RoomIds, roomIDs...)
	c.mu.Unlock()
	rooms := &roomdv1.SubscribeTo{RoomIds: roomIDs}
	c.tell(&connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Subscribe{Subscribe: rooms}})
}

// Leave sees fewer rooms.
func (c *Connection) Leave(roomIDs ...string) {
	c.mu.Lock()
	c.open.RoomIds = slices.DeleteFunc(c.open.RoomIds, func(one string) bool {
		return slices.Contains(roomIDs, one)
	})
	c.mu.Unlock()
	rooms := &roomdv1.SubscribeTo{RoomIds: roomIDs}
	c.tell(&connectRequest{
		Message: &roomdv1.ChannelServiceConnectRequest_Unsubscribe{Unsubscribe: rooms},
	})
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
	stream, err := c.client.Channels.Connect(ctx)
	if err != nil {
		return noWish, err
	}
	if err := stream.Send(c.opening()); err != nil && !errors.Is(err, io.EOF) {
		return noWish, err
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
			c.began()
			writing.Go(func() { c.write(ctx, stream) })
		case *roomdv1.ChannelServiceConnectResponse_Batch:
			c.take(message.Batch)
		case *roomdv1.ChannelServiceConnectResponse_Closing:
			wish = time.Duration(mathrand.Float64() *
				float64(message.Closing.GetReconnectJitter().AsDuration()))
		}
	}
}

// opening is the first message; on this stream nothing was sent yet.
func (c *Connection) opening() *connectRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isOpen = false
	c.control = nil
	for _, one := range c.sends {
		one.isSent = false
	}
	return &connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Open{Open: clone(c.open)}}
}

func (c *Connection) began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isOpen = true
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
	batch := &roomdv1.SendBatch{}
	for _, one := range c.sends {
		if !one.isSent {
			one.isSent = true
			batch.Items = append(batch.Items, one.item)
		}
	}
	for items := range slices.Chunk(batch.GetItems(), acknowledgedAtOnce) {
		due = append(due, &connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Send{
			Send: &roomdv1.SendBatch{Items: items},
		}})
	}
	return due
}

func (c *Connection) take(batch *roomdv1.Batch) {
	c.mu.Lock()
	for _, result := range batch.GetResults() {
		for _, one := range c.sends {
			if one.item.GetSendId() == result.GetSendId() && len(one.result) == 0 {
				one.result <- result
			}
		}
	}
	c.mu.Unlock()
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

func (c *Connection) forget(done *pendingSend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends = slices.DeleteFunc(c.sends, func(one *pendingSend) bool { return one == done })
}

// tell sends a control message on the stream of now; without one it is lost.
func (c *Connection) tell(request *connectRequest) {
	c.mu.Lock()
	if c.isOpen {
		c.control = append(c.control, request)
	}
	c.mu.Unlock()
	c.ring()
}

func (c *Connection) ring() {
	select {
	case c.bell <- struct{}{}:
	default: // it rings already
	}
}
