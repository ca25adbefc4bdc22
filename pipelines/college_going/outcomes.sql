-- One row per high-school completer. Every completion status that the district's contract admits counts as completion.
-- A term counts when it began after the completion date: courses taken while still in high school do not.
WITH terms AS (
    SELECT link.left_person AS person, term.term_start
    FROM links.college AS link
    JOIN sources.laccd AS term ON term.person = link.right_person
    UNION ALL
    SELECT link.left_person AS person, term.term_start
    FROM links.university AS link
    JOIN sources.csu AS term ON term.person = link.right_person
),
first_terms AS (
    SELECT graduate.person, MIN(term.term_start) AS first_term
    FROM sources.graduates AS graduate
    JOIN terms AS term ON term.person = graduate.person
    WHERE term.term_start > graduate.completion_date
    GROUP BY graduate.person
)
SELECT
    graduate.person,
    graduate.cohort_year,
    graduate.district,
    graduate.school,
    graduate.ethnicity,
    graduate.english_learner,
    COALESCE(earliest.first_term <= graduate.completion_date + INTERVAL '16 months', FALSE)
        AS enrolled_within_16_months,
    COALESCE(earliest.first_term <= graduate.completion_date + INTERVAL '12 months', FALSE)
        AS enrolled_within_12_months
FROM sources.graduates AS graduate
LEFT JOIN first_terms AS earliest ON earliest.person = graduate.person
