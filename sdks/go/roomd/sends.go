package roomd

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// sendsAtOnce is how many sends the server takes in a message.
const sendsAtOnce = 1000

// pendingSend is a message of which is not known what became.
type pendingSend struct {
	item    *roomdv1.SendItem
	size    int
	leftIn  int // bytes of the message in which it left on the stream of now; 0: it is still here
	outcome chan sendOutcome
}

// sendOutcome is what became of a send.
type sendOutcome struct {
	result *roomdv1.SendResult
	err    error
}

// Send sends a message and waits for what becomes of it. It takes effect once, also when the
// connection is lost meanwhile. One that is larger than the server takes (ErrMessageTooLarge), or
// that cannot be written (ErrValidation: text that is no UTF-8), fails alone: the connection and
// the other sends go on.
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
	made := &pendingSend{item: clone(item), outcome: make(chan sendOutcome, 1)}
	made.item.SendId = c.lastSendID.Add(1)
	size, err := c.sizeOf(made.item)
	if err != nil {
		return nil, err
	}
	made.size = size
	c.mu.Lock()
	c.sends = append(c.sends, made)
	c.failTooLarge() // the limit may have changed since
	c.mu.Unlock()
	c.ring()
	defer c.forget(made)
	select {
	case outcome := <-made.outcome:
		return outcome.result, outcome.err
	case <-c.ctx.Done():
		return nil, c.why()
	case <-ctx.Done():
		return nil, errorOf(ctx.Err())
	}
}

// ---------------------------------------------------------------- what no message can hold

// sizeOf is how large a message is, or why it can never leave. Whatever can not would end the
// stream, and what is sent again on the next one would end that, too.
func (c *Connection) sizeOf(message proto.Message) (int, error) {
	written, err := proto.Marshal(message)
	if err != nil {
		return 0, invalidField(unwritable(message), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(written) > c.maxBytes {
		return 0, tooLarge(len(written), c.maxBytes)
	}
	return len(written), nil
}

// tooLarge is the server's error for a message that is not even sent.
func tooLarge(size, most int) *Error {
	return &Error{
		Code: codes.ResourceExhausted, Reason: ErrMessageTooLarge,
		Message:  fmt.Sprintf("the message has %d bytes, at most %d are taken", size, most),
		Metadata: map[string]string{"size_bytes": strconv.Itoa(size), "max_bytes": strconv.Itoa(most)},
	}
}

// unwritable is the field because of which a message cannot be written.
func unwritable(message proto.Message) string {
	found, whole := "", message.ProtoReflect()
	whole.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		alone := whole.New()
		alone.Set(field, value)
		if _, err := proto.Marshal(alone.Interface()); err != nil {
			found = string(field.Name())
		}
		return found == ""
	})
	return found
}

// failTooLarge ends the sends that were small enough for the server before. The lock is held.
func (c *Connection) failTooLarge() {
	c.sends = slices.DeleteFunc(c.sends, func(one *pendingSend) bool {
		isTooLarge := one.size > c.maxBytes
		if isTooLarge {
			one.outcome <- sendOutcome{err: tooLarge(one.size, c.maxBytes)}
		}
		return isTooLarge
	})
}

// failLargest ends the sends because of whose message a stream ended. An error that does not say
// how large that was comes from something before the server that takes less than the server says:
// then it was the largest, unless even that is so small that the error cannot be about its size.
func (c *Connection) failLargest(failed *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, err := strconv.Atoi(failed.Metadata["size_bytes"])
	if err != nil {
		size = reservedBytes
		for _, one := range c.sends {
			size = max(size, one.leftIn)
		}
	}
	c.sends = slices.DeleteFunc(c.sends, func(one *pendingSend) bool {
		isInIt := one.leftIn == size
		if isInIt {
			one.outcome <- sendOutcome{err: failed}
		}
		return isInIt
	})
}

// ---------------------------------------------------------------- on the stream

// dueSends are the sends that are still here, in messages that the server takes. The lock is held.
func (c *Connection) dueSends() []*connectRequest {
	var waiting []*pendingSend
	for _, one := range c.sends {
		if one.leftIn == 0 {
			waiting = append(waiting, one)
		}
	}
	var due []*connectRequest
	for chunk := range slices.Chunk(waiting, sendsAtOnce) {
		for _, together := range batches(chunk, sendSize, c.maxBytes) {
			due = append(due, leaving(together))
		}
	}
	return due
}

func sendSize(one *pendingSend) int { return one.size }

// leaving is the message in which sends leave.
func leaving(together []*pendingSend) *connectRequest {
	batch := &roomdv1.SendBatch{}
	for _, one := range together {
		batch.Items = append(batch.Items, one.item)
	}
	request := &connectRequest{Message: &roomdv1.ChannelServiceConnectRequest_Send{Send: batch}}
	size := proto.Size(request)
	for _, one := range together {
		one.leftIn = size
	}
	return request
}

// settle tells those who wait what became of their sends.
func (c *Connection) settle(results []*roomdv1.SendResult) {
	byID := map[int64]*roomdv1.SendResult{}
	for _, result := range results {
		byID[result.GetSendId()] = result
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends = slices.DeleteFunc(c.sends, func(one *pendingSend) bool {
		result, isSettled := byID[one.item.GetSendId()]
		if isSettled {
			one.outcome <- sendOutcome{result: result}
		}
		return isSettled
	})
}

func (c *Connection) forget(done *pendingSend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends = slices.DeleteFunc(c.sends, func(one *pendingSend) bool { return one == done })
}
