// BCP 47 as the door reads it: RFC 5646's syntax, RFC 4647's lookup.

import ClusterModel
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct LanguageTagTests {
    /// RFC 5646, appendix A, and what devices send.
    @Test(
        arguments: [
            ("de", "de"), ("fr", "fr"), ("DE-de", "de-de"), ("es-419", "es-419"), ("zh-Hant", "zh-hant"),
            ("zh-Hant-TW", "zh-hant"), ("sr-Cyrl", "sr-cyrl"), ("zh-cmn-Hans-CN", "zh-cmn"), ("sr-Latn-RS", "sr-latn"),
            ("sl-rozaj-biske", "sl-rozaj"), ("de-CH-1901", "de-ch"), ("hy-Latn-IT-arevela", "hy-latn"),
            ("de-CH-x-phonebk", "de-ch"),
            ("az-Arab-x-AZE-derbend", "az-arab"), ("en-US-u-islamcal", "en-us"), ("zh-CN-a-myext-x-private", "zh-cn"),
            ("en-a-myext-b-another", "en"), ("yue-Hant", "yue-hant"), ("in-ID", "id-id"), ("iw", "he"), ("mo", "ro"),
            ("portugues", nil), ("pt_BR", nil), ("-", nil), ("", nil), ("123", nil), ("en-", nil), ("-en", nil),
            ("en--US", nil),
            ("x-whatever", nil), ("i-klingon", nil), ("de-419-DE", nil), ("a-DE", nil), ("ar-a-aaa-b-bbb-a-ccc", nil),
            ("de-1901-1901", nil), ("en-x", nil), ("en-a", nil), ("dé", nil), ("en US", nil),
        ] as [(String, String?)])
    func tags(text: String, form: String?) {
        #expect(LanguageTag(text)?.text == form)
    }

    /// Whatever is a tag is one in the catalogue's form too, the same one; nothing traps.
    @Test(arguments: 0..<2_000 as Range<UInt64>)
    func theFormOfAFormIsItself(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let letters = Array("abZ9-x1-u-")
        let text = String(
            (0..<generator.next() % 14).map { _ in letters[Int(generator.next() % UInt64(letters.count))] })
        guard let tag = LanguageTag(text) else { return }
        #expect(tag.text.utf8.count <= PersonalizationLimits.languageBytes, "\(text)")
        #expect(LanguageTag(tag.text)?.text ?? tag.text == tag.text, "\(text)")
        #expect(tag.codes.first == LanguageCode(tag.text) && tag.codes.count <= LanguageCode.maxInLookup, "\(text)")
    }

    /// RFC 4647, lookup: the tag's own items first, then those of what it falls back to; others only to fill the slate.
    @Test func readersOfARegionReadTheLanguageToo() throws {
        let languages = ["pt-BR", "pt", "en"]
        let items = try (0..<60).map { number in
            try ContentItem(
                id: "item-\(number)", language: languages[number % 3], publishedAt: ContentSamples.hoursAgo(2))
        }
        let catalogue = ContentSamples.catalogue(items)
        func read(_ language: String) -> Set<String> {
            var scratch = RankingScratch()
            let slate = SlatePolicy(epsilon: 0).slate(
                for: ContentSamples.query(count: 20, language: language), user: nil, catalogue: catalogue,
                popularity: PopularitySnapshot(), scratch: &scratch)
            return Set(slate.items.map(\.attributes.language))
        }
        #expect(read("pt-br") == ["pt-br", "pt"])
        #expect(read("pt") == ["pt"])
        #expect(read("en-us") == ["en"])
        #expect(read("sw") == ["pt-br", "pt", "en"], "content always comes")
        let tag = try #require(LanguageTag("pt-PT"))
        #expect(catalogue.language(nearest: tag) == LanguageCode("pt"))
    }
}
