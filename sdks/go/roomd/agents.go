package roomd

import (
	"context"
	"iter"

	"github.com/roomd/roomd/sdks/go/internal/jsonobject"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// ListTools walks through the tools that are served now, by name; an option asks for those that
// a channel's AI may call.
func (c *Client) ListTools(
	ctx context.Context, more ...func(*roomdv1.ListToolsRequest),
) iter.Seq2[*roomdv1.Tool, error] {
	request := with(&roomdv1.ListToolsRequest{}, more)
	return pages(func(token string) ([]*roomdv1.Tool, string, error) {
		request.PageToken = token
		response, err := c.Agents.ListTools(ctx, request)
		return response.GetTools(), response.GetNextPageToken(), err
	})
}

// CallTool runs a tool. The arguments are whatever encoding/json writes as an object: a map, a
// struct, the json.RawMessage that a model wrote; nil: none. Options say for which room and
// channel. What became of the call is the response's Outcome; an error means that it did not run
// (ErrToolNotFound, ErrValidation, ErrNoWorker), or that the server was lost on the way.
//
// It is repeated while the tool did not run for sure; a call that may have run is never repeated.
func (c *Client) CallTool(
	ctx context.Context, name string, arguments any, more ...func(*roomdv1.CallToolRequest),
) (*roomdv1.CallToolResponse, error) {
	object, err := jsonobject.Of(arguments)
	if err != nil {
		return nil, invalidField("arguments", err)
	}
	request := &roomdv1.CallToolRequest{Name: name, Arguments: object}
	return c.Agents.CallTool(ctx, with(request, more))
}
