SELECT graduate.person, graduate.cohort_year, graduate.school, link.rule IS NOT NULL AS enrolled
FROM sources.graduates AS graduate
LEFT JOIN links.college AS link ON link.left_person = graduate.person
