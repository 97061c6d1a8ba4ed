// Plain HTTP/1.1 pages for probes and scrapers: health and metrics. Not for content.

/// One answer to a GET.
package struct Page: Hashable, Sendable {
    /// 200, 404 or 503.
    package var status: Int
    package var contentType: String
    package var body: String

    package init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    package static let notFound = Page(status: 404, body: "not found\n")
}

/// Answers GET requests. Called on a loop: must not block.
package protocol PageHandler: Sendable {
    /// The page at `path` (without a query). Pages are small: at most 4 MiB.
    func page(at path: String, answer: @escaping @Sendable (Page) -> Void)
}
