package roomd

import (
	"google.golang.org/protobuf/types/known/structpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// Text is plain text as content.
func Text(body string) *roomdv1.Content {
	return &roomdv1.Content{Kind: &roomdv1.Content_Text{Text: &roomdv1.TextContent{Body: body}}}
}

// Markdown is formatted text; plain is shown where it cannot be.
func Markdown(body, plain string) *roomdv1.Content {
	return &roomdv1.Content{Kind: &roomdv1.Content_Rich{Rich: &roomdv1.RichContent{
		Body: body, Format: roomdv1.RichContent_FORMAT_MARKDOWN, PlainText: plain,
	}}}
}

// TextOf is the words of an event: of text and formatted text, captions and transcripts; empty
// for content without words.
func TextOf(event *roomdv1.RoomEvent) string { return words(event.GetContent()) }

func words(content *roomdv1.Content) string {
	switch kind := content.GetKind().(type) {
	case *roomdv1.Content_Text:
		return kind.Text.GetBody()
	case *roomdv1.Content_Rich:
		if plain := kind.Rich.GetPlainText(); plain != "" {
			return plain
		}
		return kind.Rich.GetBody()
	case *roomdv1.Content_Media:
		return kind.Media.GetCaption()
	case *roomdv1.Content_Audio:
		return kind.Audio.GetTranscript()
	case *roomdv1.Content_Template:
		return kind.Template.GetBody()
	case *roomdv1.Content_System:
		return kind.System.GetBody()
	case *roomdv1.Content_Edit:
		return words(kind.Edit.GetNewContent())
	case *roomdv1.Content_Composite:
		var all string
		for _, part := range kind.Composite.GetParts() {
			if one := words(part); one != "" && all != "" {
				all += "\n" + one
			} else {
				all += one
			}
		}
		return all
	}
	return ""
}

// Metadata turns a map into the protocol's free data; a value that JSON does not know is an
// error.
func Metadata(values map[string]any) (*structpb.Struct, error) { return structpb.NewStruct(values) }
