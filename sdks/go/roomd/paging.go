package roomd

import "iter"

// pages walks through all pages of a list. It ends after the first error.
func pages[T any](next func(token string) (items []T, following string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			items, following, err := next(token)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range items {
				if !yield(one, nil) {
					return
				}
			}
			if following == "" {
				return
			}
			token = following
		}
	}
}
