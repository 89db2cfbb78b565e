package registrar

import (
	"testing"
	"time"

	"github.com/posvid/posvid/service"
)

// BenchmarkFortyThousand takes a first file of 40,000 people from its upload to the second signature and reports what each step
// takes. The steps between the posts are a job's; nobody's browser waits for them.
func BenchmarkFortyThousand(b *testing.B) {
	for b.Loop() {
		o := newOffice(b)
		clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
		base := "/b/" + o.Ministry.EDRPOU
		data := csvOf(crew(1, 40_000))
		began := time.Now()
		lap := func(name string) {
			b.ReportMetric(time.Since(began).Seconds(), name)
			began = time.Now()
		}
		path := clerk.send(base+"/staff", []string{"once", clerk.get(base + "/staff").ok().hidden("once")}, file{"staff", "staff.csv", data}).to()
		lap("upload-s")
		o.work()
		lap("plan-s")
		clerk.get(path).ok()
		lap("first-page-s")
		hash := clerk.get(path + "?q=нестеренко&page=300").ok().hidden("hash")
		lap("search-s")
		clerk.post(path+"/sign", "hash", hash, "passphrase", phrase1).to()
		lap("sign-s")
		o.work()
		lap("hold-s")
		second.post(path+"/approve", "hash", hash, "passphrase", phrase2).to()
		o.work()
		lap("apply-s")
		clerk.get(base + "/").ok()
		lap("people-s")
		clerk.get(base + "/without?q=олександра").ok()
		lap("without-search-s")
		clerk.get(base + "/statistics").ok()
		lap("statistics-s")
		clerk.get(base + "/without.xlsx").ok()
		lap("without-xlsx-s")
	}
}
