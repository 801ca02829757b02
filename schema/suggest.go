package schema

import (
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// didYouMean is " Did you mean X?" for the candidate nearest to given, or ""
// when none is near. format, when not nil, writes the candidate.
func didYouMean(given string, candidates []string, format func(string) string) string {
	best := nearest(given, candidates)
	if best == "" {
		return ""
	}
	if format == nil {
		format = strconv.Quote
	}
	return " Did you mean " + format(best) + "?"
}

// nearest is the candidate with the fewest edits from given, at most a third
// of its length (but two edits always count as near for names of four letters
// and more). Names of one or two letters are near nothing. The first of equals
// wins.
func nearest(given string, candidates []string) string {
	limit := len(given) / 3
	if len(given) >= 4 {
		limit = max(limit, 2)
	}
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if abs(len(c)-len(given)) >= bestDistance {
			continue
		}
		d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(c), nil)
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// oneOf writes alternatives for a message: "a", "b" or "c".
func oneOf(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
