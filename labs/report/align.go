package report

import "slices"

// A pair is an element of one sequence and the element of another that it is.
type pair struct{ a, b int }

// farthest bounds how many elements of either sequence are left out before what was
// found so far is taken as it is: the work is at most this for each element.
const farthest = 512

// align pairs the equal elements of two sequences, in the order of both. Of short
// sequences it pairs as many as can be. Long ones are first parted at what occurs once
// in each of them (a patience diff), which takes n log n; what lies between is
// compared as Myers does (An O(ND) Difference Algorithm, 1986), within bounds.
func align(a, b []string) []pair {
	number := map[string]int{}
	numbered := func(texts []string) []int {
		all := make([]int, len(texts))
		for i, t := range texts {
			n, ok := number[t]
			if !ok {
				n = len(number)
				number[t] = n
			}
			all[i] = n
		}
		return all
	}
	l := aligner{a: numbered(a), b: numbered(b)}
	l.between(0, len(a), 0, len(b))
	return l.pairs
}

type aligner struct {
	a, b  []int
	pairs []pair
}

// between aligns a[i:m] with b[j:n]. Each part is shorter, for an anchor is left out.
func (l *aligner) between(i, m, j, n int) {
	for i < m && j < n && l.a[i] == l.b[j] {
		l.pairs = append(l.pairs, pair{i, j})
		i, j = i+1, j+1
	}
	tail := 0
	for tail < min(m-i, n-j) && l.a[m-1-tail] == l.b[n-1-tail] {
		tail++
	}
	m, n = m-tail, n-tail
	var anchors []pair
	if m-i+n-j > farthest {
		anchors = rising(l.unique(i, m, j, n))
	}
	for _, p := range anchors {
		l.between(i, p.a, j, p.b)
		l.pairs = append(l.pairs, p)
		i, j = p.a+1, p.b+1
	}
	if anchors != nil {
		l.between(i, m, j, n)
	} else {
		for i < m && j < n {
			i, j = l.shortest(i, m, j, n)
		}
	}
	for k := range tail {
		l.pairs = append(l.pairs, pair{m + k, n + k})
	}
}

// unique are pairs of what occurs once in each sequence, in the order of a.
func (l *aligner) unique(i, m, j, n int) []pair {
	countA, countB, at := map[int]int{}, map[int]int{}, map[int]int{}
	for x := i; x < m; x++ {
		countA[l.a[x]]++
	}
	for y := j; y < n; y++ {
		countB[l.b[y]]++
		at[l.b[y]] = y
	}
	var pairs []pair
	for x := i; x < m; x++ {
		if e := l.a[x]; countA[e] == 1 && countB[e] == 1 {
			pairs = append(pairs, pair{x, at[e]})
		}
	}
	return pairs
}

// shortest looks for the way from (i, j) to (m, n) that leaves out the fewest
// elements, and adds the pairs on it. Where it leaves out too many it goes as far as
// it has come. It returns where it ends.
func (l *aligner) shortest(i, m, j, n int) (x, y int) {
	most := min(m-i+n-j, farthest)
	// ends[k] is how far a way on the diagonal k, x-y, has come; below each step's are
	// kept to find the way back.
	var steps [][]int
	ends := make([]int, 2*most+3)
	at := func(k int) *int { return &ends[k+most+1] }
	bestK, best := 0, -1
	for d := 0; d <= most; d++ {
		best = -1
		for k := -d; k <= d; k += 2 {
			x := 0
			switch {
			case d == 0:
			case k == -d || k != d && *at(k - 1) < *at(k + 1):
				x = *at(k + 1)
			default:
				x = *at(k - 1) + 1
			}
			if x > m-i || x-k > n-j { // beyond an end: no way leads on from here
				*at(k) = x
				continue
			}
			for x < m-i && x-k < n-j && l.a[i+x] == l.b[j+x-k] {
				x++
			}
			*at(k) = x
			if 2*x-k > best {
				best, bestK = 2*x-k, k
			}
		}
		steps = append(steps, append([]int(nil), ends[most+1-d:most+2+d]...))
		if best == m-i+n-j {
			break
		}
	}
	x = *at(bestK)
	l.back(steps, i, j, x, bestK)
	return i + x, j + x - bestK
}

// back adds the pairs on the way to x on the diagonal k.
func (l *aligner) back(steps [][]int, i, j, x, k int) {
	first := len(l.pairs)
	for d := len(steps) - 1; ; d-- {
		from, fromK := 0, 0 // where the way has left off, a step before
		start := 0          // of the equal elements
		if d > 0 {
			before := func(k int) int { return steps[d-1][k+d-1] }
			if k == -d || k != d && before(k-1) < before(k+1) {
				fromK = k + 1
				from = before(fromK)
				start = from
			} else {
				fromK = k - 1
				from = before(fromK)
				start = from + 1
			}
		}
		for ; x > start; x-- {
			l.pairs = append(l.pairs, pair{i + x - 1, j + x - 1 - k})
		}
		if d == 0 {
			break
		}
		x, k = from, fromK
	}
	slices.Reverse(l.pairs[first:])
}

// rising is a longest subsequence of pairs in which b rises as a does.
func rising(pairs []pair) []pair {
	var ends []int // ends[k] is the pair that ends the rise of k+1 pairs that ends lowest
	before := make([]int, len(pairs))
	for i, p := range pairs {
		k, _ := slices.BinarySearchFunc(ends, p.b, func(end, b int) int { return pairs[end].b - b })
		before[i] = -1
		if k > 0 {
			before[i] = ends[k-1]
		}
		if k == len(ends) {
			ends = append(ends, i)
		} else {
			ends[k] = i
		}
	}
	if ends == nil {
		return nil
	}
	rise := make([]pair, len(ends))
	for k, i := len(ends)-1, ends[len(ends)-1]; k >= 0; k, i = k-1, before[i] {
		rise[k] = pairs[i]
	}
	return rise
}
