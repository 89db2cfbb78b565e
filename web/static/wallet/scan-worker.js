// The reader of codes under this page's address: only so does this page's service worker bring it without a network.
import "/static/lib/scan-worker.js";
