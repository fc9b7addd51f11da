package roomd

import (
	"context"
	"iter"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// Room has short forms of what is done in one room every day. It holds nothing but the id; all
// other RPCs are on the client's services.
type Room struct {
	client *Client
	id     string
}

// Room names a room; it need not exist yet.
func (c *Client) Room(roomID string) *Room { return &Room{c, roomID} }

// ListRooms walks through the rooms that match; nil: all of them.
func (c *Client) ListRooms(
	ctx context.Context, request *roomdv1.ListRoomsRequest,
) iter.Seq2[*roomdv1.Room, error] {
	ask := clone(request)
	return pages(func(token string) ([]*roomdv1.Room, string, error) {
		ask.PageToken = token
		response, err := c.Rooms.ListRooms(ctx, ask)
		return response.GetRooms(), response.GetNextPageToken(), err
	})
}

// ID is the room's id.
func (r *Room) ID() string { return r.id }

// Create makes the room; options set more than its id.
func (r *Room) Create(
	ctx context.Context, more ...func(*roomdv1.CreateRoomRequest),
) (*roomdv1.Room, error) {
	request := with(&roomdv1.CreateRoomRequest{RoomId: r.id}, more)
	response, err := r.client.Rooms.CreateRoom(ctx, request)
	return response.GetRoom(), err
}

// Get reads the room.
func (r *Room) Get(ctx context.Context) (*roomdv1.Room, error) {
	response, err := r.client.Rooms.GetRoom(ctx, &roomdv1.GetRoomRequest{RoomId: r.id})
	return response.GetRoom(), err
}

// Close ends the conversation; the room stays readable.
func (r *Room) Close(ctx context.Context, reason string) (*roomdv1.Room, error) {
	request := &roomdv1.CloseRoomRequest{RoomId: r.id, Reason: reason}
	response, err := r.client.Rooms.CloseRoom(ctx, request)
	return response.GetRoom(), err
}

// Delete removes the room and everything in it.
func (r *Room) Delete(ctx context.Context) error {
	_, err := r.client.Rooms.DeleteRoom(ctx, &roomdv1.DeleteRoomRequest{RoomId: r.id})
	return err
}

// Attach attaches a channel; options set more of its binding.
func (r *Room) Attach(
	ctx context.Context, channelID string, more ...func(*roomdv1.Binding),
) (*roomdv1.Binding, error) {
	request := &roomdv1.AttachChannelRequest{RoomId: r.id, ChannelId: channelID}
	if len(more) > 0 {
		request.Binding = with(&roomdv1.Binding{}, more)
	}
	response, err := r.client.Channels.AttachChannel(ctx, request)
	return response.GetBinding(), err
}

// Detach detaches a channel; false: it was not attached.
func (r *Room) Detach(ctx context.Context, channelID string) (bool, error) {
	request := &roomdv1.DetachChannelRequest{RoomId: r.id, ChannelId: channelID}
	response, err := r.client.Channels.DetachChannel(ctx, request)
	return response.GetDetached(), err
}

// Send writes a message from a channel of the room, through all hooks and gates. What became of
// it is the response's Outcome; options set what else the request can say.
func (r *Room) Send(
	ctx context.Context, channelID string, content *roomdv1.Content,
	more ...func(*roomdv1.SendEventRequest),
) (*roomdv1.SendEventResponse, error) {
	request := &roomdv1.SendEventRequest{RoomId: r.id, ChannelId: channelID, Content: content}
	return r.client.Events.SendEvent(ctx, with(request, more))
}

// Deliver says something of the application's own accord, through BEFORE_DELIVER.
func (r *Room) Deliver(
	ctx context.Context, content *roomdv1.Content, more ...func(*roomdv1.DeliverRequest),
) (*roomdv1.DeliverResponse, error) {
	request := &roomdv1.DeliverRequest{RoomId: r.id, Content: content}
	return r.client.Events.Deliver(ctx, with(request, more))
}

// Events walks through the timeline, oldest first unless an option says otherwise.
func (r *Room) Events(
	ctx context.Context, more ...func(*roomdv1.ListEventsRequest),
) iter.Seq2[*roomdv1.RoomEvent, error] {
	request := with(&roomdv1.ListEventsRequest{RoomId: r.id}, more)
	return pages(func(token string) ([]*roomdv1.RoomEvent, string, error) {
		request.PageToken = token
		response, err := r.client.Events.ListEvents(ctx, request)
		return response.GetEvents(), response.GetNextPageToken(), err
	})
}

// Edit replaces what an event says, in the application's name or, by an option, a participant's.
func (r *Room) Edit(
	ctx context.Context, eventID string, content *roomdv1.Content,
	more ...func(*roomdv1.UpdateEventRequest),
) (*roomdv1.UpdateEventResponse, error) {
	request := &roomdv1.UpdateEventRequest{
		RoomId: r.id, EventId: eventID, Content: content,
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"content"}},
	}
	return r.client.Events.UpdateEvent(ctx, with(request, more))
}

// Withdraw takes an event back; its content is kept for the audit and never shown again.
func (r *Room) Withdraw(
	ctx context.Context, eventID, reason string, more ...func(*roomdv1.DeleteEventRequest),
) (*roomdv1.DeleteEventResponse, error) {
	request := &roomdv1.DeleteEventRequest{RoomId: r.id, EventId: eventID, Reason: reason}
	return r.client.Events.DeleteEvent(ctx, with(request, more))
}

// MarkRead moves a channel's read marker forward to an event.
func (r *Room) MarkRead(
	ctx context.Context, channelID, eventID string,
) (*roomdv1.ReadMarker, error) {
	request := &roomdv1.MarkReadRequest{RoomId: r.id, ChannelId: channelID, EventId: eventID}
	response, err := r.client.Events.MarkRead(ctx, request)
	return response.GetMarker(), err
}

// AddParticipant adds somebody, or returns who is there under the id already.
func (r *Room) AddParticipant(
	ctx context.Context, participant *roomdv1.Participant,
) (*roomdv1.Participant, error) {
	request := &roomdv1.AddParticipantRequest{RoomId: r.id, Participant: participant, Ensure: true}
	response, err := r.client.Rooms.AddParticipant(ctx, request)
	return response.GetParticipant(), err
}

// Participants walks through those who take part, in the order they joined.
func (r *Room) Participants(ctx context.Context) iter.Seq2[*roomdv1.Participant, error] {
	return pages(func(token string) ([]*roomdv1.Participant, string, error) {
		request := &roomdv1.ListParticipantsRequest{RoomId: r.id, PageToken: token}
		response, err := r.client.Rooms.ListParticipants(ctx, request)
		return response.GetParticipants(), response.GetNextPageToken(), err
	})
}

// Typing tells who watches that somebody types, or stopped.
func (r *Room) Typing(ctx context.Context, userID string, typing bool) error {
	request := &roomdv1.PublishTypingRequest{RoomId: r.id, UserId: userID, Typing: typing}
	_, err := r.client.Realtime.PublishTyping(ctx, request)
	return err
}

// Inbound takes a message from outside through the whole pipeline: routed to a room, unless an
// option names one, and through all hooks. What became of it is the response's Outcome.
func (c *Client) Inbound(
	ctx context.Context, message *roomdv1.InboundMessage,
	more ...func(*roomdv1.ProcessInboundRequest),
) (*roomdv1.ProcessInboundResponse, error) {
	request := with(&roomdv1.ProcessInboundRequest{Message: message}, more)
	return c.Events.ProcessInbound(ctx, request)
}

// Register stores a channel; one with the same id and type gets the new settings.
func (c *Client) Register(ctx context.Context, channel *roomdv1.Channel) (*roomdv1.Channel, error) {
	request := &roomdv1.RegisterChannelRequest{Channel: channel, Replace: true}
	response, err := c.Channels.RegisterChannel(ctx, request)
	return response.GetChannel(), err
}

// ListChannels walks through the channels.
func (c *Client) ListChannels(ctx context.Context) iter.Seq2[*roomdv1.Channel, error] {
	return pages(func(token string) ([]*roomdv1.Channel, string, error) {
		response, err := c.Channels.ListChannels(ctx, &roomdv1.ListChannelsRequest{PageToken: token})
		return response.GetChannels(), response.GetNextPageToken(), err
	})
}
