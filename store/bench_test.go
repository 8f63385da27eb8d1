package store_test

import (
	"bytes"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

// BenchmarkReserveAndSaveAnswer is what the record costs for one provider call:
// all four budgets, ten facts and a body of 4 KB, at eight calls at a time. A
// company makes about four.
func BenchmarkReserveAndSaveAnswer(b *testing.B) {
	s := storetest.New(b)
	accs := accounts(b, s, 100)
	in := found(
		fact(account.Name, account.TextValue("Acme")), fact(account.Domain, account.TextValue("acme.example")),
		fact(account.Industry, account.TextValue("saas")), fact(account.Employees, account.NumberValue(120)),
		fact(account.RevenueUSD, account.NumberValue(5e6)), fact(account.Country, account.TextValue("AT")),
		fact(account.City, account.TextValue("Graz")), fact(account.FoundedYear, account.NumberValue(2011)),
		fact(account.LastFundingAt, account.DateValue(now)), fact(account.Technologies, account.ListValue("hubspot", "segment")),
	)
	in.Body = bytes.Repeat([]byte(`{"key":"value 1"},`), 230)
	in.Credits = 0.5 // other than the price that was set aside
	var n atomic.Int64
	b.SetParallelism(4)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			id, run := strconv.FormatInt(i, 10), strconv.FormatInt(i/4, 10)
			ask := ask(accs[i%100], run, store.Limit{Scope: "company:" + run, Credits: 1e6},
				store.Limit{Scope: "import:1", Credits: 1e6}, store.Limit{Scope: "day:2026-11-21", Credits: 1e6},
				store.Limit{Scope: "provider:apollo:2026-11-21", Credits: 1e6})
			ask.Subject = "company" + id + ".example"
			r, err := s.Reserve(b.Context(), ask)
			if err == nil {
				err = s.SaveAnswer(b.Context(), r, in)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
