package service

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/posvid/posvid/issuer"
)

// metrics are what the frame counts. No label says who asked or for whom.
type metrics struct {
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	limited    *prometheus.CounterVec
	panics     prometheus.Counter
	jobs       *prometheus.CounterVec
	jobSeconds *prometheus.GaugeVec
	issued     *prometheus.CounterVec
	online     *prometheus.CounterVec

	done *jobTimes
}

// jobTimes is when each job last went well.
type jobTimes struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (m *metrics) jobDone(name string, at time.Time) {
	m.done.mu.Lock()
	defer m.done.mu.Unlock()
	m.done.at[name] = at
}

func (m *metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (s *Server) newMetrics() {
	m := &s.frame.metrics
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_requests_total", Help: "Requests by route pattern and status."}, []string{"route", "status"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "posvid_request_seconds", Help: "Time to answer, by route pattern.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"route"})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_limited_total", Help: "Requests refused by a limit: rate, overload, guess."}, []string{"why"})
	m.panics = prometheus.NewCounter(prometheus.CounterOpts{Name: "posvid_panics_total", Help: "Requests that ended in a panic."})
	m.jobs = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_jobs_total", Help: "Runs of jobs by name and result."}, []string{"job", "result"})
	m.jobSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "posvid_job_seconds", Help: "How long the last run of a job took."}, []string{"job"})
	m.issued = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_issue_total", Help: "IDs asked for, by result: issued, renewed, existing, refused."}, []string{"result"})
	m.online = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_online_checks_total", Help: "Checks of one-time codes by answer."}, []string{"answer"})
	m.done = &jobTimes{at: map[string]time.Time{}}
	s.Metrics.MustRegister(m.requests, m.seconds, m.limited, m.panics, m.jobs, m.jobSeconds, m.issued, m.online, serverCollector{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// CountIssued counts what became of each issuing: issued, renewed, existing or refused.
func (s *Server) CountIssued(results ...issuer.Result) {
	for _, r := range results {
		word := "issued"
		switch {
		case r.Err != nil:
			word = "refused"
		case r.Existing:
			word = "existing"
		case r.Renewal > 0:
			word = "renewed"
		}
		s.frame.metrics.issued.WithLabelValues(word).Inc()
	}
}

// CountOnline counts a check of a one-time code by its answer, a word of a fixed set.
func (s *Server) CountOnline(answer string) { s.frame.metrics.online.WithLabelValues(answer).Inc() }

// MetricsHandler serves the counts for Prometheus. It belongs on a listener that only this machine reaches.
func (s *Server) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{})
}

// serverCollector tells ages at the moment they are asked for.
type serverCollector struct{ s *Server }

var (
	bundleAge = prometheus.NewDesc("posvid_bundle_age_seconds", "Age of the installed trust bundle.", nil, nil)
	statusAge = prometheus.NewDesc("posvid_status_list_age_seconds", "Age of the oldest status list of a body in the installed bundle.", []string{"body"}, nil)
	jobLag    = prometheus.NewDesc("posvid_job_lag_seconds", "Time since a job last went well, minus its period; zero while in time.", []string{"job"}, nil)
	inFlight  = prometheus.NewDesc("posvid_requests_in_flight", "Requests that are being worked on.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c serverCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{bundleAge, statusAge, jobLag, inFlight} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c serverCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now := c.s.Now()
	if b, _, err := c.s.Trust.Bundle(); err == nil {
		gauge(bundleAge, now.Sub(b.IssuedAt()).Seconds())
		oldest := map[string]time.Time{}
		for _, l := range b.Lists() {
			if c.s.bodies[l.Issuer] == nil {
				continue
			}
			_, asOf, err := b.Status(l.Issuer, l.List, 0)
			if before, ok := oldest[l.Issuer]; err == nil && (!ok || asOf.Before(before)) {
				oldest[l.Issuer] = asOf
			}
		}
		for body, asOf := range oldest {
			gauge(statusAge, now.Sub(asOf).Seconds(), body)
		}
	}
	for _, j := range c.s.jobs {
		done := &c.s.frame.metrics
		done.done.mu.Lock()
		last, ok := done.done.at[j.name]
		done.done.mu.Unlock()
		if ok {
			gauge(jobLag, max(0, (now.Sub(last)-j.every).Seconds()), j.name)
		}
	}
	gauge(inFlight, float64(len(c.s.frame.slots)))
}
